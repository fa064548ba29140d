"""Db: `dspash db`, the database itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TextIO, cast

import typer

from dspash.cli.command import Answer, command
from dspash.cli.exit_status import ExitStatus
from dspash.cli.invocation import current
from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from dspash.store import MigrationStatus, Store

__all__ = ["DB_COMMANDS", "export", "import_", "status", "upgrade", "vacuum"]

_STDIO: Final = "-"


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


@command
def vacuum() -> Answer:
    """Give back the room of what was deleted."""
    with _connected() as store:
        done = store.vacuum()
    value = {"bytes_before": done.before, "bytes_after": done.after}
    return Answer(value=value, show=f"{done.before / 1e6:.1f} MB before, {done.after / 1e6:.1f} MB now")


@command
def export(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet; - is stdout.")],
) -> Answer:
    """Write all records of the tenant to a plain file.

    It is JSON lines, which any dspash of this version or a later one reads; what is sensitive is left out.
    """
    from dspash.cli.session import opened
    from dspash.resources.transfer import export_records

    with opened() as session:
        if str(file) == _STDIO:
            export_records(session.scene, sys.stdout)
            return Answer()
        with _opened_file(file, "x") as written:
            try:
                counts = export_records(session.scene, written)
            except BaseException:
                file.expanduser().unlink()  # half of it would be taken for all
                raise
    return Answer(value={"file": str(file), "records": counts}, show=_counted(counts))


@command
def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What dspash db export wrote; - is stdin.")],
) -> Answer:
    """Read the records of an exported file, all or none."""
    from dspash.cli.session import opened
    from dspash.resources.transfer import import_records

    with opened() as session:
        if str(file) == _STDIO:
            counts = import_records(session.scene, sys.stdin)
        else:
            with _opened_file(file, "r") as read:
                counts = import_records(session.scene, read)
    return Answer(value={"file": str(file), "records": counts}, show=_counted(counts))


def _opened_file(path: Path, mode: Literal["r", "x"]) -> TextIO:
    try:
        return cast("TextIO", path.expanduser().open(mode, encoding="utf-8"))
    except FileExistsError:
        raise ConfigurationError(
            str(path), "there is such a file already", "name another, or remove it"
        ) from None
    except OSError as error:
        problem = f"it cannot be opened: {error.strerror}"
        raise ConfigurationError(str(path), problem, "name another file") from None


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no records"


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


DB_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "status": status,
    "upgrade": upgrade,
    "vacuum": vacuum,
    "export": export,
    "import": import_,
}
