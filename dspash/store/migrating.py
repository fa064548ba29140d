"""Migrating: bringing a database's tables to the revision this dspash needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from dspash.errors import StoreVersionError

__all__ = ["MIGRATIONS", "MigrationStatus", "Migrations"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"
"""The folder of dspash's own migrations."""


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """Which revision a database is at; `current` is None while it has no tables. `pending` are to be run, in order."""

    current: str | None
    newest: str
    pending: tuple[str, ...]


class Migrations:
    """The history of the tables: a line of numbered revisions, of which a database has run some."""

    def __init__(self, folder: Path = MIGRATIONS) -> None:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        self._config = config
        self._scripts = ScriptDirectory.from_config(config)

    @property
    def newest(self) -> str:
        """The revision that this dspash needs."""
        head = self._scripts.get_current_head()
        if head is None:
            raise RuntimeError("there are no migrations")
        return head

    @property
    def revisions(self) -> tuple[str, ...]:
        """Every revision, oldest first."""
        return tuple(script.revision for script in self._scripts.walk_revisions())[::-1]

    def status(self, connection: Connection, database: str) -> MigrationStatus:
        """Where the database stands. Raises StoreVersionError when it is ahead of this dspash."""
        heads = MigrationContext.configure(connection).get_current_heads()
        current = heads[0] if heads else None
        revisions = self.revisions
        if len(heads) > 1 or (current is not None and current not in revisions):
            raise StoreVersionError(
                database,
                found=", ".join(heads),
                expected=self.newest,
                way_out="it was made by a newer dspash: install that one, or name another database",
            )
        done = revisions.index(current) + 1 if current is not None else 0
        return MigrationStatus(current, self.newest, revisions[done:])

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

        def steps(revision: Any, _: Any) -> Any:
            # Alembic's documentation of EnvironmentContext shows this very call, for want of a public one.
            return self._scripts._upgrade_revs(target, revision)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

        with EnvironmentContext(self._config, self._scripts, fn=steps) as environment:
            environment.configure(
                connection=connection, render_as_batch=True, transaction_per_migration=False
            )
            try:
                with environment.begin_transaction():
                    environment.run_migrations()
            except CommandError as error:
                raise StoreVersionError(
                    database, found=status.current or "none", expected=target, way_out=str(error)
                ) from error
        return self.status(connection, database)
