"""The cache and the journals of runs in the database: what was kept is found again, by whom it is for and whole."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dspash.app.tidying import tidy
from dspash.errors import StoreError
from dspash.gateway.errors import GatewayError
from dspash.gateway.keeping import JournalEntry, KeptAnswer
from dspash.resources import cache_entry, journal_entry
from dspash.resources.kernel import StoredScene
from dspash.resources.lm import removal
from dspash.resources.lm.cache_store import StoredCache
from dspash.resources.lm.exchange_row import ExchangeRow
from dspash.resources.lm.journal import StoredJournal
from dspash.resources.lm_request import LMRequest
from dspash.resources.recording import Recorder
from dspash.store import Store
from tests.leaks import no_leaks
from tests.resources.exchanges import exchange
from tests.resources.executions import NOON, ago, scene_of

# Half a surrogate pair and a NUL, as models may write.
RESPONSE: Any = {"message": {"parts": [{"type": "text", "text": "Ada \ud83d \0 ø"}]}, "usage": {"a": 1.0}}


@pytest.fixture(scope="module")
def readers() -> Generator[Executor]:
    with ThreadPoolExecutor(2) as readers:
        yield readers


def kept(
    key: str = "k", *, tenant: str = "north", at: float = NOON.timestamp(), ttl_s: float | None = None
) -> KeptAnswer:
    expires_at = None if ttl_s is None else at + ttl_s
    return KeptAnswer(tenant, key, RESPONSE, "acme", "small-1", at, expires_at)


def keep(scene: StoredScene, cache: StoredCache, recorder: Recorder, *answers: KeptAnswer) -> None:
    for answer in answers:
        cache.put(answer)
    recorder.flush()
    assert recorder.lost == 0


@pytest.fixture
def parts(store: Store, readers: Executor) -> Generator[tuple[StoredScene, StoredCache, Recorder]]:
    scene = scene_of(store)
    recorder = Recorder(lambda: scene)
    yield scene, StoredCache(lambda: scene, recorder, readers), recorder
    recorder.close()


def test_a_kept_answer_is_found_whole_by_its_tenant_alone(
    parts: tuple[StoredScene, StoredCache, Recorder],
) -> None:
    cache = parts[1]
    answer = kept(ttl_s=60.0)
    keep(*parts, answer, kept(tenant="south", at=NOON.timestamp() - 1))
    assert asyncio.run(cache.get("north", "k")) == answer
    assert asyncio.run(cache.get("east", "k")) is None
    assert asyncio.run(cache.get("north", "other")) is None


def test_of_several_answers_the_newest_counts_and_pruning_removes_the_others(
    parts: tuple[StoredScene, StoredCache, Recorder],
) -> None:
    scene, cache, _ = parts
    newest = kept(at=NOON.timestamp() + 2)
    keep(*parts, kept(), newest, kept("expired", at=NOON.timestamp() - 100, ttl_s=60.0))
    assert cache.find("north", "k") == newest
    entries = scene.of(cache_entry.CacheEntry)
    assert (entries.stats()["entries"], entries.stats()["expired"]) == (3, 1)
    assert entries.prune() == {"removed": 2}
    assert cache.find("north", "k") == newest


def test_pruning_to_a_number_leaves_the_newest(
    parts: tuple[StoredScene, StoredCache, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "LOT", 3)
    scene = parts[0]
    keep(*parts, *(kept(str(number), at=NOON.timestamp() + number) for number in range(12)))
    entries = scene.of(cache_entry.CacheEntry)
    assert entries.prune(max_entries=4) == {"removed": 8}
    assert [entry.key for entry in entries.iterate()] == ["8", "9", "10", "11"]
    assert entries.clear(key="9") == {"removed": 1}
    assert entries.clear() == {"removed": 3}


def test_without_a_database_nothing_is_found(readers: Executor) -> None:
    def refuse() -> StoredScene:
        raise StoreError("nowhere", "it is away", "wait")

    cache = StoredCache(refuse, Recorder(refuse), readers)
    assert cache.find("north", "k") is None


# --- journals ---


def entry(run: str = "r", key: str = "k", occurrence: int = 0, response: Any = RESPONSE) -> JournalEntry:
    return JournalEntry(run, key, occurrence, response, "acme", "small-1")


def test_what_a_run_was_told_is_found_at_its_place_alone(store: Store, readers: Executor) -> None:
    scene = scene_of(store)
    journal = StoredJournal(lambda: scene, readers)

    async def tell() -> None:
        await asyncio.gather(*(journal.append(entry(occurrence=number)) for number in range(20)))
        assert await journal.find("r", "k", 7) == entry(occurrence=7)
        for place in (("r", "k", 20), ("r", "other", 0), ("other", "k", 0)):
            assert await journal.find(*place) is None

    asyncio.run(tell())
    journal.close()
    journal.close()
    assert scene.of(journal_entry.JournalEntry).count() == 20


def test_appending_where_there_is_an_entry_changes_nothing(store: Store, readers: Executor) -> None:
    scene = scene_of(store)
    journal = StoredJournal(lambda: scene, readers)

    async def tell() -> None:
        await journal.append(entry())
        await journal.append(entry(response={"later": True}))
        assert await journal.find("r", "k", 0) == entry()

    asyncio.run(tell())
    journal.close()


def test_another_store_finds_what_was_appended(tmp_path: Path, readers: Executor) -> None:
    with Store.open(tmp_path / "x.db") as store:
        journal = StoredJournal(lambda: scene_of(store), readers)
        asyncio.run(journal.append(entry()))
        with Store.open(tmp_path / "x.db") as other:  # the first has neither been flushed nor closed
            found = StoredJournal(lambda: scene_of(other), readers)
            assert asyncio.run(found.find("r", "k", 0)) == entry()
        journal.close()


def test_an_answer_that_cannot_be_journaled_is_an_error_of_its_call(store: Store, readers: Executor) -> None:
    scene = scene_of(store)
    journal = StoredJournal(lambda: scene, readers)
    with pytest.raises(GatewayError, match="cannot be written"):
        asyncio.run(journal.append(entry(response=float("nan"))))
    journal.close()
    with pytest.raises(GatewayError, match="cannot be written"):
        asyncio.run(journal.append(entry()))


def test_journals_are_forgotten_by_run_and_by_age(store: Store, readers: Executor) -> None:
    old, now = scene_of(store, now=ago(days=40)), scene_of(store)
    for scene, run in ((old, "old"), (now, "a"), (now, "b")):
        journal = StoredJournal(lambda scene=scene: scene, readers)
        asyncio.run(journal.append(entry(run)))
        journal.close()
    entries = now.of(journal_entry.JournalEntry)
    assert entries.forget(run="a") == {"removed": 1}
    assert entries.prune(max_age=timedelta(days=30)) == {"removed": 1}
    assert [found.run for found in entries.iterate()] == ["b"]


def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    database = tmp_path / "kept" / "x.db"
    with no_leaks(tmp_path), Store.open(database) as store, ThreadPoolExecutor(1) as readers:
        journal = StoredJournal(lambda: scene_of(store), readers)
        asyncio.run(journal.append(entry()))
        journal.close()
        for path in database.parent.iterdir():
            path.unlink()
        database.parent.rmdir()


def test_an_app_removes_what_has_been_kept_for_long_enough(
    parts: tuple[StoredScene, StoredCache, Recorder], readers: Executor
) -> None:
    scene = parts[0]
    keep(*parts, kept("expired", at=NOON.timestamp() - 100, ttl_s=60.0), kept("good"))
    for days in (31, 29):
        journal = StoredJournal(lambda days=days: scene_of(scene.store, now=ago(days=days)), readers)
        asyncio.run(journal.append(entry(str(days))))
        journal.close()
        parts[2].take(ExchangeRow(exchange(program=str(days), ended_at=ago(days=days))))
    parts[2].flush()
    assert tidy(scene) == 3
    assert [found.key for found in scene.of(cache_entry.CacheEntry).iterate()] == ["good"]
    assert [found.run for found in scene.of(journal_entry.JournalEntry).iterate()] == ["29"]
    assert [found.program for found in scene.of(LMRequest).iterate()] == ["29"]
