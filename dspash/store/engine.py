"""Engine: connections as the store needs them, of either database."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from dspash.errors import StoreError
from dspash.store.address import Address
from dspash.store.json_text import encode_json

__all__ = ["BEGIN", "NOT_AT_ALL", "READ", "WRITE", "flushing", "make_engine", "without_foreign_keys"]

BEGIN: Final = "dspash_begin"
"""The execution option that says how SQLite begins a connection's transactions: see READ, WRITE and NOT_AT_ALL."""

READ: Final = "BEGIN"
WRITE: Final = "BEGIN IMMEDIATE"  # one that reads first and asks to write later may be refused, however long it would wait
NOT_AT_ALL: Final = ""

POOL_SIZE: Final = 8  # connections kept open
POOL_OVERFLOW: Final = 24  # more that are opened when all are in use, and closed afterwards
CONNECT_TIMEOUT_S: Final = 10
OLDEST_SQLITE: Final = (3, 35, 0)  # the first with ALTER TABLE DROP COLUMN, which migrations use


def make_engine(address: Address, *, busy_timeout_s: float) -> Engine:
    """The engine for `address`; nothing is opened. A wait for a connection or a lock ends after `busy_timeout_s`."""
    if address.path is None:
        return create_engine(
            address.url,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=busy_timeout_s,
            pool_pre_ping=True,
            json_serializer=encode_json,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": f"-c lock_timeout={int(busy_timeout_s * 1000)} -c timezone=UTC",
            },
        )
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(
            str(address), f"SQLite is {sqlite3.sqlite_version} here", f"use a Python with {oldest} or later"
        )
    engine = create_engine(
        address.url,
        poolclass=QueuePool,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=busy_timeout_s,
        connect_args={"check_same_thread": False, "timeout": busy_timeout_s},
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def without_foreign_keys(connection: Connection) -> Generator[None]:
    """Let a connection to SQLite, outside a transaction, change tables that others refer to.

    SQLite changes a table by making another and dropping the first; dropping it would do to the records that refer to it
    what deleting its records does.
    """
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF").close()
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON").close()


@contextmanager
def flushing(connection: Connection) -> Generator[None]:
    """Have a connection to SQLite, outside a transaction, bring what it commits in the block to the disk itself."""
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA synchronous=FULL").close()
    try:
        yield
    finally:
        driver.execute("PRAGMA synchronous=NORMAL").close()


def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver would begin transactions by itself, but not before reads or changes of tables: `_begin` does it always.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",  # a killed process loses nothing; only a loss of power may cost the last transactions
        "foreign_keys=ON",
        "case_sensitive_like=ON",  # as in PostgreSQL
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    if begin := connection.get_execution_options().get(BEGIN, READ):
        connection.exec_driver_sql(begin)
