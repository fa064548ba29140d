"""StoredCache: cached answers in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loguru import logger

from dspash.errors import DspashError
from dspash.gateway.keeping import KeptAnswer
from dspash.resources.recording.recorder import Recorder
from dspash.store.json_text import encode_json

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel.scene import StoredScene
    from dspash.resources.recording import Redaction

__all__ = ["StoredCache"]


class StoredCache:
    """Reads cached answers, and has new ones written soon. It implements dspash.gateway's CacheStore.

    Without a database that can be read nothing is found: the model is asked.
    """

    def __init__(self, open_scene: Callable[[], StoredScene], recorder: Recorder, executor: Executor) -> None:
        """Reads wait for the database on threads of `executor`, which is its owner's to end."""
        self._open_scene = open_scene
        self._recorder = recorder
        self._executor = executor

    def __repr__(self) -> str:
        return f"<StoredCache {self._recorder!r}>"

    async def get(self, tenant: str, key: str) -> KeptAnswer | None:
        """See CacheStore."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.find, tenant, key)

    def put(self, kept: KeptAnswer) -> None:
        """See CacheStore."""
        self._recorder.take(_KeptRow(kept))

    def find(self, tenant: str, key: str) -> KeptAnswer | None:
        """What `get` returns, waiting for it."""
        from sqlalchemy import select

        try:
            scene = self._open_scene()
            columns = _table(scene).c
            newest = (
                select(columns.value, columns.provider, columns.model, columns.created_at, columns.expires_at)
                .where(columns.tenant_id == tenant, columns.key == key)
                .order_by(columns.created_at.desc(), columns.id.desc())
                .limit(1)
            )
            with scene.reading() as connection:
                found = connection.execute(newest).first()
        except DspashError as error:
            logger.warning("the cache cannot be read: {}", error)
            return None
        if found is None:
            return None
        value, provider, model, kept_at, expires_at = found
        return KeptAnswer(
            tenant,
            key,
            value,
            provider,
            model,
            kept_at.timestamp(),
            None if expires_at is None else expires_at.timestamp(),
        )


class _KeptRow:
    """A cached answer on its way into the store. It is kept as it came: what is answered from it must be whole."""

    __slots__ = ("_kept",)

    def __init__(self, kept: KeptAnswer) -> None:
        self._kept = kept

    @property
    def characters(self) -> int:
        return 0  # the gateway holds it in memory anyhow

    def lighten(self) -> None:
        pass

    def row(self, scene: StoredScene, redaction: Redaction) -> tuple[Table, dict[str, Any]]:
        from dspash.resources.kernel import new_id

        kept = self._kept
        kept_at = datetime.fromtimestamp(kept.kept_at, UTC)
        return _table(scene), {
            "id": new_id(),
            "tenant_id": kept.tenant,
            "created_at": kept_at,
            "updated_at": kept_at,
            "version": 1,
            "key": kept.key,
            "provider": kept.provider,
            "model": kept.model,
            "value": kept.response,
            "size": len(encode_json(kept.response)),
            "expires_at": None if kept.expires_at is None else datetime.fromtimestamp(kept.expires_at, UTC),
        }


def _table(scene: StoredScene) -> Table:
    return scene.domain.table(scene.domain.declaration("CacheEntry"))
