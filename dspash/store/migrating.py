"""Migrating: bringing a database's tables to the revision this dspash needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, inspect, text

from dspash.errors import StoreVersionError

__all__ = ["MIGRATIONS", "MigrationStatus", "Migrations"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"
"""The folder of dspash's own migrations."""

_FILE: Final = re.compile(r"r(?P<revision>\d{4})(_\w+)?\.py")
_KEPT_IN: Final = "alembic_version"  # the table in which Alembic notes what a database has run


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """Which revision a database is at; `current` is None while it has no tables. `pending` are to be run, in order."""

    current: str | None
    newest: str
    pending: tuple[str, ...]


class Migrations:
    """The history of the tables: a line of numbered revisions, of which a database has run some.

    Revision 0007 is the file `versions/r0007_….py`. Alembic, which runs them, takes longer to load than most commands
    take: it is loaded when there is something to run.
    """

    def __init__(self, folder: Path = MIGRATIONS) -> None:
        self._folder = folder

    @cached_property
    def revisions(self) -> tuple[str, ...]:
        """Every revision, oldest first."""
        found = (_FILE.fullmatch(file.name) for file in (self._folder / "versions").iterdir())
        return tuple(sorted(one["revision"] for one in found if one is not None))

    @property
    def newest(self) -> str:
        """The revision that this dspash needs."""
        if not self.revisions:
            raise RuntimeError("there are no migrations")
        return self.revisions[-1]

    def status(self, connection: Connection, database: str) -> MigrationStatus:
        """Where the database stands. Raises StoreVersionError when it is ahead of this dspash."""
        heads = _heads_of(connection)
        current = heads[0] if heads else None
        if len(heads) > 1 or (current is not None and current not in self.revisions):
            raise StoreVersionError(
                database,
                found=", ".join(heads),
                expected=self.newest,
                way_out="it was made by a newer dspash: install that one, or name another database",
            )
        done = self.revisions.index(current) + 1 if current is not None else 0
        return MigrationStatus(current, self.newest, self.revisions[done:])

    def upgrade(self, connection: Connection, database: str, *, to: str | None = None) -> MigrationStatus:
        """Run what is pending, up to `to`, within the connection's transaction; return where that led.

        Raises StoreVersionError when it would lead back: a step back would lose what the newer tables hold.
        """
        status = self.status(connection, database)
        target = to or self.newest
        if target not in self.revisions:
            raise StoreVersionError(
                database,
                found=status.current or "none",
                expected=target,
                way_out=f"there is no such revision; the newest is {self.newest}",
            )
        if target not in status.pending:
            if target == status.current:
                return status
            raise StoreVersionError(
                database,
                found=status.current or "none",
                expected=target,
                way_out="a database is never taken back: restore a copy from before the upgrade instead",
            )

        self._run(connection, target, database, found=status.current or "none")
        return self.status(connection, database)

    def _run(self, connection: Connection, target: str, database: str, *, found: str) -> None:
        from alembic.config import Config
        from alembic.runtime.environment import EnvironmentContext
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(self._folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        scripts = ScriptDirectory.from_config(config)

        def steps(revision: Any, _: Any) -> Any:
            # Alembic's documentation of EnvironmentContext shows this very call, for want of a public one.
            return scripts._upgrade_revs(target, revision)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

        with EnvironmentContext(config, scripts, fn=steps) as environment:
            environment.configure(
                connection=connection, render_as_batch=True, transaction_per_migration=False
            )
            try:
                with environment.begin_transaction():
                    environment.run_migrations()
            except CommandError as error:
                raise StoreVersionError(database, found=found, expected=target, way_out=str(error)) from error


def _heads_of(connection: Connection) -> list[str]:
    """What the database has run last: nothing, one revision, or several where something has gone wrong."""
    if not inspect(connection).has_table(_KEPT_IN):
        return []
    return list(connection.execute(text(f"SELECT version_num FROM {_KEPT_IN}")).scalars())  # noqa: S608 - our own word
