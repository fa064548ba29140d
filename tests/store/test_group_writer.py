"""The group writer: rows from any thread, in few transactions, and each bad one alone."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dspash.errors import ClosedError, OverloadedError, StoreError
from dspash.resources import DOMAIN
from dspash.resources.kernel import AuditEntry, Context, StoredScene, new_id
from dspash.store import GroupWriter, Store
from tests.leaks import no_leaks, wait_until
from tests.resources.conftest import statements

ENTRIES = DOMAIN.table(DOMAIN.declaration(AuditEntry))


def row_of(store: Store, number: int) -> dict[str, Any]:
    scene = StoredScene(Context(actor="ann", tenant="north", request_id="1"), domain=DOMAIN, store=store)
    return scene.of(AuditEntry).row(
        resource="Thing",
        record_id=new_id(),
        record_version=number,
        action="act",
        actor="ann",
        request_id="1",
        changes={"text": "x" * 500},
    )


def versions(store: Store) -> list[int]:
    with store.read() as connection:
        return list(
            connection.execute(select(ENTRIES.c.record_version).order_by(ENTRIES.c.record_version)).scalars()
        )


def test_rows_of_many_threads_are_all_written_in_few_transactions(store: Store) -> None:
    rows = [row_of(store, number) for number in range(2000)]
    with statements(store) as seen:
        writer = GroupWriter(store)
        threads = [
            threading.Thread(
                target=lambda part: [writer.append(ENTRIES, row) for row in part], args=(rows[start::4],)
            )
            for start in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        writer.flush()
        assert (writer.written, writer.refused) == (2000, 0)
        writer.close()
    assert versions(store) == list(range(2000))
    assert len(seen) < 200


def test_rows_are_written_soon_without_being_asked_for(store: Store) -> None:
    writer = GroupWriter(store)
    writer.append(ENTRIES, row_of(store, 1))
    wait_until(lambda: versions(store) == [1], "the row")
    writer.close()


def test_a_row_that_is_refused_costs_no_other(store: Store) -> None:
    writer = GroupWriter(store, group_age_s=10.0)
    rows = [row_of(store, number) for number in range(20)]
    rows[3] = {**rows[3], "id": rows[2]["id"]}
    rows[7] = {**rows[7], "actor": None}
    rows[11] = {**rows[11], "changes": {"no JSON": object()}}
    rows[13] = {name: value for name, value in rows[13].items() if name != "resource"}
    for row in rows:
        writer.append(ENTRIES, row)
    writer.flush()
    assert versions(store) == [number for number in range(20) if number not in {3, 7, 11, 13}]
    assert (writer.written, writer.refused) == (16, 4)
    writer.close()


def test_a_full_queue_makes_writers_wait_and_then_says_so(tmp_path: Path) -> None:
    with Store.open(tmp_path / "x.db", busy_timeout_s=0.1) as store:
        writer = GroupWriter(store, queue_rows=5, append_timeout_s=0.2)
        with Store.open(tmp_path / "x.db") as holder, holder.transaction():
            for number in range(5):
                writer.append(ENTRIES, row_of(store, number))
            with pytest.raises(OverloadedError) as caught:
                writer.append(ENTRIES, row_of(store, 5))
            assert (caught.value.queued, caught.value.limit) == (5, 5)
            with pytest.raises(StoreError, match="5 rows"):
                writer.flush(timeout_s=0.1)
        writer.flush()
        assert versions(store) == [0, 1, 2, 3, 4]
        writer.close()


def test_closing_writes_what_is_left_and_takes_no_more(store: Store) -> None:
    writer = GroupWriter(store, group_age_s=60.0)
    writer.append(ENTRIES, row_of(store, 1))
    writer.close()
    assert versions(store) == [1]
    with pytest.raises(ClosedError):
        writer.append(ENTRIES, row_of(store, 2))
    writer.close()


def test_closing_ends_within_its_bound_when_nothing_can_be_written(tmp_path: Path) -> None:
    with no_leaks(tmp_path), Store.open(tmp_path / "x.db", busy_timeout_s=0.1) as store:
        with Store.open(tmp_path / "x.db") as holder, holder.transaction():
            writer = GroupWriter(store)
            writer.append(ENTRIES, row_of(store, 1))
            with pytest.raises(StoreError, match="1 rows could not be written"):
                writer.close(timeout_s=0.3)
        for path in tmp_path.iterdir():
            path.unlink()


def test_a_durable_row_is_in_the_database_when_its_future_is_done(store: Store) -> None:
    writer = GroupWriter(store, group_age_s=60.0)
    writer.append(ENTRIES, row_of(store, 1))
    writer.append_durable(ENTRIES, row_of(store, 2)).result(20)
    assert versions(store) == [1, 2]
    writer.close()


def test_durable_rows_of_many_threads_share_their_transactions(store: Store) -> None:
    rows = [row_of(store, number) for number in range(400)]
    with statements(store) as seen:
        writer = GroupWriter(store, group_age_s=60.0)
        kept = [writer.append_durable(ENTRIES, row) for row in rows]
        for future in kept:
            future.result(20)
        writer.close()
    assert versions(store) == list(range(400))
    assert len(seen) < 100


def test_a_durable_row_that_is_refused_says_so_and_costs_no_other(store: Store) -> None:
    writer = GroupWriter(store)
    bad = {**row_of(store, 1), "actor": None}
    kept = [writer.append_durable(ENTRIES, row) for row in (row_of(store, 0), bad, row_of(store, 2))]
    kept[0].result(20)
    kept[2].result(20)
    with pytest.raises(StoreError, match="not kept"):
        kept[1].result(20)
    assert versions(store) == [0, 2]
    writer.close()


def test_durable_rows_that_close_gives_up_are_told(tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "x.db", busy_timeout_s=0.1) as store,
        Store.open(tmp_path / "x.db") as holder,
        holder.transaction(),
    ):
        writer = GroupWriter(store)
        kept = writer.append_durable(ENTRIES, row_of(store, 1))
        with pytest.raises(StoreError, match="1 rows could not be written"):
            writer.close(timeout_s=0.3)
        with pytest.raises(StoreError, match="could not be written"):
            kept.result(20)
