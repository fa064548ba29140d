"""Session: the project's records, open for one command, and workers for those actions that need some."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from dspash.cli.invocation import current
from dspash.resources import DOMAIN
from dspash.resources.kernel import Collection, Context, Resource
from dspash.resources.kernel.scene import StoredScene
from dspash.store import Store

if TYPE_CHECKING:
    from dspash.resources.runtime import Runtime

__all__ = ["Session", "opened"]


@dataclass(frozen=True, slots=True)
class Session:
    """`scene` is that of this command: its tenant, its actor, a request of its own."""

    scene: StoredScene

    @property
    def store(self) -> Store:
        """The database."""
        return self.scene.store

    def collection(self, table: str) -> Collection[Resource]:
        """The records of one resource."""
        return self.scene.of(DOMAIN.resource(table))


@contextmanager
def opened(*, runs_programs: bool = False) -> Generator[Session]:
    """Open the database that the settings name, for the block; with `runs_programs`, workers when an action asks.

    Raises ConfigurationError and StoreError.
    """
    settings = current().settings().values
    context = Context(actor=settings.actor, tenant=settings.tenant, request_id=f"cli-{uuid4().hex}")
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(settings.database_url))
        runtime = _runtime(stack) if runs_programs else None
        yield Session(StoredScene(context, domain=DOMAIN, store=store, runtime=runtime))


def _runtime(stack: ExitStack) -> Runtime:
    from dspash.app.runtime import RuntimeOnDemand
    from dspash.cli.subject import opened_app

    return RuntimeOnDemand(lambda: stack.enter_context(opened_app())[0])
