"""StoredJournal: what runs were told, in the database before they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dspash.errors import ClosedError, DspashError
from dspash.gateway.errors import GatewayError
from dspash.gateway.keeping import JournalEntry

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel.scene import StoredScene
    from dspash.store import GroupWriter

__all__ = ["StoredJournal"]


class StoredJournal:
    """Reads and writes the journals of runs. It implements dspash.gateway's Journal.

    Entries of many calls at once share their transactions.
    """

    def __init__(self, open_scene: Callable[[], StoredScene], executor: Executor) -> None:
        """What waits for the database does so on threads of `executor`, which is its owner's to end."""
        self._open_scene = open_scene
        self._executor = executor
        self._writer: GroupWriter | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<StoredJournal {self._writer!r}>"

    async def find(self, run: str, key: str, occurrence: int) -> JournalEntry | None:
        """See Journal. Raises GatewayError."""
        loop = asyncio.get_running_loop()
        with _translating("read"):
            return await loop.run_in_executor(self._executor, self.read, run, key, occurrence)

    async def append(self, entry: JournalEntry) -> None:
        """See Journal. Raises GatewayError."""
        loop = asyncio.get_running_loop()
        with _translating("written"):
            kept = await loop.run_in_executor(self._executor, self.write, entry)
            await asyncio.wrap_future(kept)

    def close(self) -> None:
        """Write what is left and end the thread. Idempotent. Raises StoreError."""
        with self._lock:
            self._is_closed = True
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def read(self, run: str, key: str, occurrence: int) -> JournalEntry | None:
        """What `find` returns, waiting for it."""
        from sqlalchemy import select

        scene = self._open_scene()
        columns = _table(scene).c
        first = (
            select(columns.response, columns.provider, columns.model)
            .where(
                columns.tenant_id == scene.context.tenant,
                columns.key == key,
                columns.run == run,
                columns.occurrence == occurrence,
            )
            .order_by(columns.created_at, columns.id)
            .limit(1)
        )
        with scene.reading() as connection:
            found = connection.execute(first).first()
        if found is None:
            return None
        response, provider, model = found
        return JournalEntry(run, key, occurrence, response, provider, model)

    def write(self, entry: JournalEntry) -> Future[None]:
        """Have the entry written at once; done once it is kept."""
        from dspash.resources.kernel import new_id

        scene = self._open_scene()
        now = scene.now()
        row: dict[str, Any] = {
            "id": new_id(),
            "tenant_id": scene.context.tenant,
            "created_at": now,
            "updated_at": now,
            "version": 1,
            "run": entry.run,
            "key": entry.key,
            "occurrence": entry.occurrence,
            "provider": entry.provider,
            "model": entry.model,
            "response": entry.response,
        }
        return self._opened(scene).append_durable(_table(scene), row)

    def _opened(self, scene: StoredScene) -> GroupWriter:
        from dspash.store import GroupWriter

        with self._lock:
            if self._is_closed:
                raise ClosedError("journal")
            if self._writer is None:
                self._writer = GroupWriter(scene.store)
            return self._writer


@contextmanager
def _translating(done: str) -> Generator[None]:
    """What is wrong with the database is an error of the call that needs it."""
    try:
        yield
    except GatewayError:
        raise
    except DspashError as error:
        raise GatewayError(f"the journal of the run cannot be {done}: {error}") from error


def _table(scene: StoredScene) -> Table:
    return scene.domain.table(scene.domain.declaration("JournalEntry"))
