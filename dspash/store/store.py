"""Store: the database, its transactions and its tables' revision."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dspash.errors import (
    ClosedError,
    ReentrancyError,
    StoreBusyError,
    StoreError,
    StoreVersionError,
)
from dspash.store.address import Address
from dspash.store.engine import BEGIN, NOT_AT_ALL, WRITE, flushing, make_engine, without_foreign_keys
from dspash.store.migrating import Migrations, MigrationStatus

__all__ = ["Durability", "Store", "Vacuumed"]

BUSY_TIMEOUT_S: Final = 30.0
_ONE_MOMENT: Final[dict[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_BUSY_WORDS: Final = ("database is locked", "database table is locked", "lock timeout")


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """What vacuuming did: the size of the database before and after, in bytes."""

    before: int
    after: int


class Durability(Enum):
    """What a transaction survives once its block has ended."""

    PROCESS = "process"  # the death of the process
    POWER = (
        "power"  # also that of the machine; on SQLite it takes as long as the disk does, some milliseconds
    )


class Store:
    """An open database. Threads may share it; on SQLite so may processes, with one writer at a time.

    What a transaction wrote survives the death of the process once its block has ended.
    """

    def __init__(
        self, address: Address, engine: Engine, migrations: Migrations, *, busy_timeout_s: float
    ) -> None:
        """For `open`, which is how a store is made."""
        self._address = address
        self._engine = engine
        self._migrations = migrations
        self._busy_timeout_s = busy_timeout_s
        self._writing = (
            threading.Lock()
        )  # SQLite's own waiting is by turns of luck; here it is first come, first served
        self._writer: int | None = None
        self._reading: dict[str, Any] = {} if self.is_sqlite else _ONE_MOMENT
        self._open = True

    @classmethod
    def open(
        cls,
        database: str | os.PathLike[str] | None = None,
        *,
        migrations: Migrations | None = None,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Store:
        """Open a database: a path, a URL, or the default one. A SQLite file is made, and brought up to date.

        Raises ConfigurationError for what is no address, StoreVersionError when the tables are not those of this dspash
        and StoreError when the database cannot be reached. A PostgreSQL database is upgraded by `upgrade` alone.
        """
        store = cls.connect(database, migrations=migrations, busy_timeout_s=busy_timeout_s)
        try:
            status = store.status()
            if status.pending and store.is_sqlite:
                store.upgrade()
            elif status.pending:
                raise StoreVersionError(
                    str(store.address),
                    found=status.current or "none",
                    expected=status.newest,
                    way_out="run `dspash db upgrade`",
                )
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def connect(
        cls,
        database: str | os.PathLike[str] | None = None,
        *,
        migrations: Migrations | None = None,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Store:
        """Open a database whatever its revision, to look at it or upgrade it."""
        address = Address.read(database)
        if address.path is not None:
            try:
                address.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    str(address), f"its folder cannot be made: {error.strerror}", "name another"
                ) from None
        engine = make_engine(address, busy_timeout_s=busy_timeout_s)
        return cls(address, engine, migrations or Migrations(), busy_timeout_s=busy_timeout_s)

    def __repr__(self) -> str:
        return f"<Store {self._address} {'open' if self._open else 'closed'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> Address:
        """Where the database is."""
        return self._address

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of ours, and not a server's."""
        return self._address.path is not None

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine, for tools that look at the database itself."""
        return self._engine

    @contextmanager
    def transaction(self, durability: Durability = Durability.PROCESS) -> Generator[Connection]:
        """A connection whose writes are kept together when the block ends, and lost together when it raises.

        On SQLite it waits until no other transaction is open. Raises StoreBusyError when that takes too long, and
        ReentrancyError in a thread that has one open already: it would wait for itself.
        """
        self._require_open()
        if not self.is_sqlite:
            with self._translating(), self._engine.connect() as connection, connection.begin():
                yield connection
            return
        with (
            self._turn(),
            self._translating(),
            self._engine.connect().execution_options(**{BEGIN: WRITE}) as connection,
            flushing(connection) if durability is Durability.POWER else nullcontext(),
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A connection to read from; everything it sees is of one moment. Writers are not held up."""
        self._require_open()
        with (
            self._translating(),
            self._engine.connect().execution_options(**self._reading) as connection,
            connection.begin(),
        ):
            yield connection

    def status(self) -> MigrationStatus:
        """Which revision the tables are at. Raises StoreVersionError when that is ahead of this dspash."""
        with self.read() as connection:
            return self._migrations.status(connection, str(self._address))

    def upgrade(self, to: str | None = None) -> MigrationStatus:
        """Bring the tables to the newest revision, or to `to`; nothing changes when a step fails."""
        if not self.is_sqlite:
            with self.transaction() as connection:
                return self._migrations.upgrade(connection, str(self._address), to=to)
        with (
            self._turn(),
            self._translating(),
            self._engine.connect().execution_options(**{BEGIN: WRITE}) as connection,
            without_foreign_keys(connection),
            connection.begin(),
        ):
            status = self._migrations.upgrade(connection, str(self._address), to=to)
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                told = (
                    f"{len(broken)} records would refer to what is not there, such as one of {broken[0][0]}"
                )
                raise StoreError(str(self._address), told, "restore a copy; nothing was changed")
            return status

    def vacuum(self) -> Vacuumed:
        """Give back the room of what was deleted, and renew what the planner knows of the tables.

        On SQLite nobody else can write meanwhile, and the disk needs room for a second copy.
        """
        self._require_open()
        outside: dict[str, Any] = {BEGIN: NOT_AT_ALL} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with (
            self._turn(),
            self._translating(),
            self._engine.connect().execution_options(**outside) as connection,
        ):
            before = self._size(connection)
            if self.is_sqlite:
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("ANALYZE")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                connection.exec_driver_sql("VACUUM ANALYZE")
            return Vacuumed(before, self._size(connection))

    def size(self) -> int:
        """What the database takes, in bytes."""
        with self.read() as connection:
            return self._size(connection)

    def _size(self, connection: Connection) -> int:
        if self._address.path is None:
            return connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
        files = (self._address.path, Path(f"{self._address.path}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close all connections. Transactions that are open in other threads fail."""
        self._open = False
        self._engine.dispose()

    def _require_open(self) -> None:
        if not self._open:
            raise ClosedError("store")

    @contextmanager
    def _turn(self) -> Generator[None]:
        """This thread's turn to write, among those of the process."""
        me = threading.get_ident()
        if self._writer == me:
            raise ReentrancyError(
                call="transaction()", instead="use the connection, or the scene, of the one that is open"
            )
        if not self._writing.acquire(timeout=self._busy_timeout_s):
            raise StoreBusyError(str(self._address), waited_s=self._busy_timeout_s)
        try:
            self._writer = me
            yield
        finally:
            self._writer = None
            self._writing.release()

    @contextmanager
    def _translating(self) -> Generator[None]:
        """Errors of the database that are about the database itself, as dspash's own."""
        try:
            yield
        except PoolTimeoutError:
            raise StoreBusyError(str(self._address), waited_s=self._busy_timeout_s) from None
        except OperationalError as error:
            told = str(error.orig)
            if any(word in told for word in _BUSY_WORDS):
                raise StoreBusyError(str(self._address), waited_s=self._busy_timeout_s) from None
            raise StoreError(str(self._address), told, "check that it is there and may be written") from error
        except DatabaseError as error:
            if "not a database" in str(error.orig) or "malformed" in str(error.orig):
                raise StoreError(str(self._address), str(error.orig), "name another file") from error
            raise
