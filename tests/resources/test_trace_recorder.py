"""The recorder: executions are written soon and in order, nobody waits, and too much of them costs only itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dspash.errors import StoreError
from dspash.resources.kernel import StoredScene
from dspash.resources.recording import Retention, recorder
from dspash.resources.trace import Trace
from dspash.store import Store
from tests.leaks import no_leaks, wait_until
from tests.resources.executions import NOON, Ran, ago, execution, keep, piece, recording, scene_of, span


def names(scene: StoredScene) -> list[str]:
    return [record.name for record in scene.of(Trace).iterate()]


def test_what_was_taken_is_written_in_order(store: Store) -> None:
    scene = scene_of(store)
    with recording(scene) as taken:
        for number in range(50):
            taken.take(Ran(execution(name=str(number), ended_at=NOON + timedelta(milliseconds=number))))
        taken.flush()
        assert names(scene) == [str(number) for number in range(50)]
        assert taken.lost == 0


def test_what_was_taken_is_written_without_being_asked_for(store: Store) -> None:
    scene = scene_of(store)
    with recording(scene) as taken:
        for name in ("first", "second"):
            taken.take(Ran(execution(name=name)))
            wait_until(lambda name=name: name in names(scene), name)


def test_close_writes_what_is_left_and_ends_every_thread(tmp_path: Path) -> None:
    with Store.open(tmp_path / "test.db") as store, no_leaks(tmp_path):
        scene = scene_of(store)
        with recording(scene) as taken:
            taken.take(Ran(execution()))
        assert names(scene) == ["Baleen"]
        taken.take(Ran(execution()))
        assert taken.lost == 1


def test_without_executions_nothing_is_opened(tmp_path: Path) -> None:
    def refuse() -> StoredScene:
        raise AssertionError("opened")

    with no_leaks(tmp_path):
        taken = recorder.Recorder(refuse)
        taken.flush()
        taken.close()
        taken.close()


def test_an_execution_that_cannot_be_told_costs_no_other(store: Store) -> None:
    def defect() -> None:
        raise KeyError("defect")

    scene = scene_of(store)
    with recording(scene) as taken:
        for told in (execution(name="a"), defect, execution(name="b")):
            taken.take(Ran(told))  # pyright: ignore[reportArgumentType]
        taken.flush()
        assert names(scene) == ["a", "b"]
        assert taken.lost == 1


def test_a_database_that_cannot_be_had_loses_executions_and_nothing_else(tmp_path: Path) -> None:
    def refuse() -> StoredScene:
        raise StoreError("nowhere", "it is away", "wait")

    with no_leaks(tmp_path):
        taken = recorder.Recorder(refuse)
        for _ in range(3):
            taken.take(Ran(execution()))
        taken.flush()
        assert taken.lost == 3
        taken.close()


def test_past_its_room_executions_are_kept_without_their_steps(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING_CHARACTERS", 10)
    scene = scene_of(store)
    with recording(scene) as taken:
        taken.take(Ran(execution(piece(span(1, name="hop")))))
        taken.flush()
    (record,) = scene.of(Trace).iterate()
    assert (record.steps, record.dropped) == ("", 1)


def test_past_the_most_that_may_wait_executions_are_lost_and_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 0)
    with recording(scene_of(store)) as taken:
        taken.take(Ran(execution()))
        assert taken.lost == 1


def test_old_executions_go_when_new_ones_come(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, execution(name="old", ended_at=ago(days=31)), execution(name="young", ended_at=ago(days=29)))
    with recording(scene, retention=Retention()) as taken:
        taken.take(Ran(execution(name="new")))
        taken.flush()
        wait_until(lambda: names(scene) == ["young", "new"], "the old one to go")
