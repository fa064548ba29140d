"""Db: `dspash db`, the database itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from dspash.cli.command import Answer, command
from dspash.cli.exit_status import ExitStatus
from dspash.cli.invocation import current

if TYPE_CHECKING:
    from dspash.store import MigrationStatus, Store

__all__ = ["DB_COMMANDS"]


@command
def status() -> Answer:
    """Show where the database is, and how new.

    Which revision its tables are at, and which are to come. Changes nothing; fails where some are to come.
    """
    with _connected() as store:
        found = store.status()
        return _answer(store, found, ExitStatus.FAILED if found.pending else ExitStatus.DONE)


@command
def upgrade() -> Answer:
    """Bring the tables up to date.

    On SQLite that happens by itself, too, when the database is next used.
    """
    with _connected() as store:
        return _answer(store, store.upgrade(), ExitStatus.DONE)


def _connected() -> Store:
    from dspash.store import Store

    return Store.connect(current().settings().values.database_url)


def _answer(store: Store, found: MigrationStatus, exit_status: ExitStatus) -> Answer:
    value = {
        "database": str(store.address),
        "current": found.current,
        "newest": found.newest,
        "pending": list(found.pending),
    }
    pending = f"; to come: {', '.join(found.pending)}; run dspash db upgrade" if found.pending else ""
    shown = f"{store.address}: revision {found.current or 'none'} of {found.newest}{pending}"
    return Answer(value=value, show=shown, status=exit_status)


DB_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {"status": status, "upgrade": upgrade}
