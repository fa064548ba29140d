"""Scene: what an action has around it: its context, the other resources, the runtime, the clock."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from dspash.resources.kernel.context import Context
from dspash.resources.kernel.policy import OpenPolicy, Policy
from dspash.resources.kernel.resource import Resource

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dspash.resources.kernel.domain import Domain
    from dspash.resources.persistence import Collection
    from dspash.resources.runtime import Runtime
    from dspash.store import Store

__all__ = ["Scene", "StoredScene"]

R = TypeVar("R", bound=Resource)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Scene(Protocol):
    """What an action's function is given first.

    Within a create, update or destroy action everything that is done through the scene is part of the action's
    transaction: it is kept or lost as a whole.
    """

    @property
    def context(self) -> Context:
        """On whose behalf the action runs."""
        ...

    @property
    def runtime(self) -> Runtime:
        """The port to the workers. Raises RuntimeError where nothing runs programs."""
        ...

    def of(self, resource: type[R]) -> Collection[R]:
        """The records of `resource` that the context sees."""
        ...

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def transaction(self) -> AbstractContextManager[Scene]:
        """A scene in which everything is kept together when the block ends, or lost together when it raises.

        Inside a transaction it is a part of that one, which can fail without it.
        """
        ...


class StoredScene:
    """The scene of one context before one store; `runtime` may be None where nothing runs programs."""

    def __init__(
        self,
        context: Context,
        *,
        domain: Domain,
        store: Store,
        runtime: Runtime | None = None,
        policy: Policy | None = None,
        clock: Callable[[], datetime] = _utc_now,
        connection: Connection | None = None,
    ) -> None:
        self.context = context
        self.domain = domain
        self.store = store
        self._runtime = runtime
        self.policy: Policy = policy or OpenPolicy()
        self._clock = clock
        self._connection = connection

    def __repr__(self) -> str:
        state = "in a transaction" if self._connection is not None else "outside transactions"
        return f"<StoredScene {self.context.actor} for {self.context.tenant} {state}>"

    @property
    def runtime(self) -> Runtime:
        if self._runtime is None:
            raise RuntimeError("nothing runs programs here; open an app")
        return self._runtime

    def of(self, resource: type[R]) -> Collection[R]:
        from dspash.resources.persistence import Collection

        return Collection(self, self.domain.declaration(resource))

    def now(self) -> datetime:
        return self._clock()

    def acting_for(self, context: Context) -> StoredScene:
        """The same surroundings for another context."""
        return self._with(context, self._connection)

    @contextmanager
    def transaction(self) -> Generator[StoredScene]:
        if self._connection is not None:
            with self._connection.begin_nested():
                yield self
        else:
            with self.store.transaction() as connection:
                yield self._with(self.context, connection)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A connection for reads: the transaction's own within one."""
        if self._connection is not None:
            yield self._connection
        else:
            with self.store.read() as connection:
                yield connection

    @contextmanager
    def snapshot(self) -> Generator[StoredScene]:
        """A scene to read from, in which all that is read is of one moment."""
        with self.reading() as connection:
            yield self._with(self.context, connection)

    @property
    def connection(self) -> Connection:
        """The transaction's connection. Raises RuntimeError outside of one."""
        if self._connection is None:
            raise RuntimeError("there is no transaction; open one with scene.transaction()")
        return self._connection

    def _with(self, context: Context, connection: Connection | None) -> StoredScene:
        return StoredScene(
            context,
            domain=self.domain,
            store=self.store,
            runtime=self._runtime,
            policy=self.policy,
            clock=self._clock,
            connection=connection,
        )
