"""GroupWriter: rows written off the caller's path, many in one transaction."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from loguru import logger
from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import DBAPIError, OperationalError

from dspash.errors import ClosedError, OverloadedError, StoreError
from dspash.store.row_insert import RowInsert
from dspash.store.store import Durability, Store

__all__ = ["GroupWriter"]

GROUP_ROWS: Final = 500
GROUP_AGE_S: Final = 0.05
QUEUE_ROWS: Final = 10_000
APPEND_TIMEOUT_S: Final = 30.0
RETRY_S: Final = 0.2  # between tries while the database cannot be written

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One row in the queue; `kept`, where somebody waits for it, is told once it is in the database, or refused."""

    table: Table
    row: _Row
    since: float  # monotonic seconds
    kept: Future[None] | None = None


class GroupWriter:
    """Takes rows from any thread at once, and writes them in order from a thread of its own.

    A group is written when its first row is `group_age_s` old or it has `group_rows`. While the queue is full `append`
    waits. A row that the database refuses is dropped alone, logged and counted in `refused`; while the database is busy
    or away nothing is dropped. Rows that were not flushed are lost with the process, unless they were appended durably.
    """

    def __init__(
        self,
        store: Store,
        *,
        group_rows: int = GROUP_ROWS,
        group_age_s: float = GROUP_AGE_S,
        queue_rows: int = QUEUE_ROWS,
        append_timeout_s: float = APPEND_TIMEOUT_S,
    ) -> None:
        self._store = store
        self._group_rows = group_rows
        self._group_age_s = group_age_s
        self._queue_rows = queue_rows
        self._append_timeout_s = append_timeout_s
        self._inserts: dict[tuple[Table, tuple[str, ...]], RowInsert] = {}
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._appended = 0
        self._written = 0
        self._refused = 0
        self._hurry = 0  # rows up to this one are wanted now
        self._open = True
        self._thread = threading.Thread(target=self._run, name="dspash-group-writer", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<GroupWriter waiting={len(self._queue)} written={self._written} refused={self._refused}>"

    @property
    def written(self) -> int:
        """Rows that are in the database."""
        return self._written

    @property
    def refused(self) -> int:
        """Rows that the database would not take."""
        return self._refused

    def append(self, table: Table, row: _Row) -> None:
        """Take a row; it is written soon. The row is the writer's from here on.

        Raises OverloadedError when the queue stays full for `append_timeout_s`, ClosedError after `close`.
        """
        self._take(_Waiting(table, row, time.monotonic()))

    def append_durable(self, table: Table, row: _Row) -> Future[None]:
        """Take a row that is written at once, with all that came before it; the future is done once it is kept.

        A row that is kept survives a loss of power. While one group is written the next gathers, so many
        writers at once share their transactions. The future raises StoreError for a row that the database refuses, or
        that `close` gave up, and its callbacks run on the writer's thread. Raises what `append` raises.
        """
        kept: Future[None] = Future()
        kept.set_running_or_notify_cancel()  # it cannot be taken back
        self._take(_Waiting(table, row, time.monotonic(), kept))
        return kept

    def _take(self, waiting: _Waiting) -> None:
        with self._changed:
            if len(self._queue) >= self._queue_rows and not self._changed.wait_for(
                lambda: len(self._queue) < self._queue_rows or not self._open, self._append_timeout_s
            ):
                raise OverloadedError(
                    queued=len(self._queue),
                    limit=self._queue_rows,
                    what="rows",
                    way_out="find out what keeps the database from being written",
                )
            if not self._open:
                raise ClosedError("group writer")
            self._queue.append(waiting)
            self._appended += 1
            if waiting.kept is not None:
                self._hurry = self._appended
            if waiting.kept is not None or len(self._queue) in {1, self._group_rows}:
                self._changed.notify_all()

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until every row that was appended before is in the database, or refused by it.

        Raises StoreError when that takes longer than `timeout_s`.
        """
        with self._changed:
            wanted = self._appended
            self._hurry = max(self._hurry, wanted)
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._written + self._refused >= wanted, timeout_s):
                left = wanted - self._written - self._refused
                raise StoreError(
                    str(self._store.address), f"{left} rows are not written yet", "wait, or look at the log"
                )

    def close(self, timeout_s: float = 30.0) -> None:
        """Write what is left and end the thread. Raises StoreError for rows that are not written within `timeout_s`."""
        end = time.monotonic() + timeout_s
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._thread.join(timeout_s)
        if self._thread.is_alive() or self._queue:
            with self._changed:
                left = list(self._queue)
                self._queue.clear()
                self._changed.notify_all()
            told = f"{len(left)} rows could not be written"
            for waiting in left:
                self._tell(waiting, told)
            self._thread.join(max(1.0, end - time.monotonic()))
            raise StoreError(str(self._store.address), told, "look at the log")

    def _run(self) -> None:
        while group := self._next_group():
            while not self._write(group):
                with self._changed:
                    if not self._open and not self._queue:
                        return  # close gave up waiting
                    self._changed.wait(RETRY_S)

    def _next_group(self) -> list[_Waiting]:
        """The rows of the next transaction, still in the queue; empty when there will be none."""
        with self._changed:
            while self._open and not self._is_due():
                due_s = self._queue[0].since + self._group_age_s - time.monotonic() if self._queue else None
                self._changed.wait(due_s)
            return [self._queue[index] for index in range(min(len(self._queue), self._group_rows))]

    def _is_due(self) -> bool:
        if not self._queue:
            return False
        return (
            len(self._queue) >= self._group_rows
            or self._written + self._refused < self._hurry
            or time.monotonic() >= self._queue[0].since + self._group_age_s
        )

    def _write(self, group: list[_Waiting]) -> bool:
        """Write the group in one transaction; False when the database cannot be written just now."""
        try:
            refused = self._write_together(group)
        except StoreError as error:
            logger.warning("{} rows wait to be written: {}", len(group), error)
            return False
        except ClosedError:
            refused = dict.fromkeys(range(len(group)), "the store was closed before its group writer")
            logger.error("{} rows are lost: the store was closed before its group writer", len(group))
        with self._changed:
            for _ in range(min(len(group), len(self._queue))):
                self._queue.popleft()
            self._written += len(group) - len(refused)
            self._refused += len(refused)
            self._changed.notify_all()
        for place, waiting in enumerate(group):
            self._tell(waiting, refused.get(place))
        return True

    def _tell(self, waiting: _Waiting, problem: str | None) -> None:
        """Tell whoever waits for the row that it is kept, or why not."""
        if waiting.kept is None:
            return
        with suppress(InvalidStateError):  # close has given it up while it was written after all
            if problem is None:
                waiting.kept.set_result(None)
            else:
                waiting.kept.set_exception(
                    StoreError(str(self._store.address), f"a row is not kept: {problem}", "look at the log")
                )

    def _write_together(self, group: list[_Waiting]) -> dict[int, str]:
        """Write the group in one transaction, or each row for itself if that fails; why which places were refused."""
        try:
            with self._store.transaction(_durability_of(group)) as connection:
                self._insert(connection, group)
        except (StoreError, ClosedError):
            raise
        except Exception:  # noqa: BLE001 - a row holds what its appender put in: drivers fail over it in many ways
            return self._write_one_by_one(group)
        return {}

    def _insert(self, connection: Connection, group: list[_Waiting]) -> None:
        """Rows of one table and the same columns go together, in the order of their first: parents before children."""
        lots: dict[tuple[Table, tuple[str, ...]], list[_Row]] = {}
        for waiting in group:
            lots.setdefault((waiting.table, tuple(waiting.row)), []).append(waiting.row)
        for form, lot in lots.items():
            prepared = self._inserts.get(form)
            if prepared is None:
                prepared = self._inserts[form] = RowInsert(*form, connection.dialect)
            prepared.execute(connection, lot)

    def _write_one_by_one(self, group: list[_Waiting]) -> dict[int, str]:
        """Write the group, each row in a savepoint; why which places were refused."""
        refused: dict[int, str] = {}
        with self._store.transaction(_durability_of(group)) as connection:
            for place, waiting in enumerate(group):
                try:
                    with connection.begin_nested():
                        connection.execute(insert(waiting.table), [waiting.row])
                except OperationalError:
                    raise  # the database itself, which the store tells
                except Exception as error:  # noqa: BLE001 - as above
                    refused[place] = _reason(error)
                    logger.error("a row of {} was refused: {}", waiting.table.name, refused[place])
        return refused


def _durability_of(group: list[_Waiting]) -> Durability:
    return Durability.POWER if any(waiting.kept is not None for waiting in group) else Durability.PROCESS


def _reason(error: Exception) -> str:
    """Why a row was refused, without its values."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return str(error.orig).splitlines()[0]
    return type(error).__name__
