"""Records: the store of an app and its collections, opened when something is first asked of them."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from loguru import logger

from dspash.errors import ClosedError, ConfigurationError

if TYPE_CHECKING:
    from dspash.resources.kernel import Collection, Context, Resource
    from dspash.resources.kernel.scene import StoredScene
    from dspash.resources.runtime import Runtime
    from dspash.store import Store

__all__ = ["ACTOR", "DEFAULT_DATABASE", "TENANT", "Keeping", "Records"]

DEFAULT_DATABASE: Final = "default"
"""What `database` says for the usual place: DSPASH_DATABASE_URL, or else a file in the user's data folder."""

ENDING_S: Final = 10.0
"""How long `close` waits for runs to be noted as ended, which their calls are by then."""

ACTOR: Final = "local"
TENANT: Final = "default"

R = TypeVar("R", bound="Resource")


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where an app keeps what it does, whose that is, and who does it.

    `database` is a path, a URL, DEFAULT_DATABASE, or None: nothing is kept. `traces`: executions are kept as well.
    """

    database: str | os.PathLike[str] | None = None
    tenant: str = TENANT
    actor: str = ACTOR
    traces: bool = True


class Records:
    """What one app keeps. Nothing is opened, nor imported, before the first use. Thread-safe."""

    def __init__(self, keeping: Keeping, runtime: Runtime) -> None:
        self._keeping = keeping
        self._runtime = runtime
        self._scene: StoredScene | None = None
        self._opener = os.getpid()
        self._is_closed = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Records {'open' if self.is_open else 'not open'} {self._keeping.database!r}>"

    @property
    def are_kept(self) -> bool:
        """Whether there is a database at all."""
        return self._keeping.database is not None

    @property
    def is_open(self) -> bool:
        """Whether the database has been opened, and not closed since."""
        return self._scene is not None and not self._is_closed

    @property
    def store(self) -> Store:
        """The database. Raises what `scene` raises."""
        return self._opened().store

    def scene(self) -> StoredScene:
        """A scene for one request of this process.

        Raises ConfigurationError where nothing is kept, ClosedError after the end, and what Store.open raises.
        """
        return self._opened().acting_for(self._context())

    def of(self, resource: type[R]) -> Collection[R]:
        """The records of a resource; see Collection. Raises what `scene` raises."""
        return self.scene().of(resource)

    def collection(self, name: str) -> Collection[Any]:
        """The same by the resource's name or table. Raises KeyError where there is none."""
        from dspash.resources import DOMAIN

        return self.of(DOMAIN.resource(name))

    def close(self) -> None:
        """Close the database, once runs that end with the app have been noted. Idempotent, and bounded."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            scene = self._scene if os.getpid() == self._opener else None
        if scene is not None:
            from dspash.resources.conductor import await_ends

            if not await_ends(scene.store, ENDING_S):
                logger.warning(
                    "closing does not wait for runs any longer: the next who opens interrupts them"
                )
            scene.store.close()

    def _context(self) -> Context:
        """One request of this process. Raises ConfigurationError for an actor or tenant that is none."""
        from dspash.resources.kernel import Context, new_id

        return Context(self._keeping.actor, self._keeping.tenant, str(new_id()))

    def _opened(self) -> StoredScene:
        with self._lock:
            if self._is_closed:
                raise ClosedError("app")
            if os.getpid() != self._opener:
                # Connections of another process must not be used: a database is corrupted by that.
                raise ClosedError(f"app of process {self._opener}, of which this one is a fork,")
            if self._scene is None:
                self._scene = self._open()
            return self._scene

    def _open(self) -> StoredScene:
        if self._keeping.database is None:
            raise ConfigurationError(
                "database",
                "this app keeps nothing",
                "open it with a database, or without saying database=None",
            )
        from dspash.resources import DOMAIN
        from dspash.resources.conductor import interrupt_orphans
        from dspash.resources.dataset import Dataset
        from dspash.resources.dataset_filling import discard_abandoned
        from dspash.resources.kernel.scene import StoredScene
        from dspash.store import Store

        store = Store.open(None if self._keeping.database == DEFAULT_DATABASE else self._keeping.database)
        try:
            scene = StoredScene(self._context(), domain=DOMAIN, store=store, runtime=self._runtime)
            for name in ("OptimizationRun", "Evaluation"):
                interrupt_orphans(scene, DOMAIN.resource(name))
            discard_abandoned(scene, Dataset)
        except BaseException:
            with suppress(Exception):
                store.close()
            raise
        return scene
