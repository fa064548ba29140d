"""Runs: whatever becomes of the work, and of who does it, the record says how it ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from dspash.errors import (
    CallCancelledError,
    ClosedError,
    InvalidInputError,
    ProgramError,
    StoreBusyError,
    TransitionError,
)
from dspash.resources import DOMAIN, conductor
from dspash.resources.conductor import await_ends, conduct, interrupt_orphans
from dspash.resources.dataset import Dataset
from dspash.resources.evaluation import Evaluation
from dspash.resources.kernel import AuditEntry, Context
from dspash.resources.kernel.scene import StoredScene
from dspash.resources.observed import observed
from dspash.resources.optimization_run import OptimizationRun
from dspash.resources.owner import Owner
from dspash.resources.program import Program
from dspash.resources.program_version import ProgramVersion
from dspash.resources.runtime import OnProgress
from dspash.scoring import compare_scores
from dspash.store import Store
from dspash_protocol import Progress

ANN = Context(actor="ann", tenant="north", request_id="request-1")
BOUND_S = 10.0


@pytest.fixture
def scene(store: Store) -> StoredScene:
    """Look at a database with one program, without workers."""
    scene = StoredScene(ANN, domain=DOMAIN, store=store)
    scene.of(Program).create(name="P", forward_fn="result = {}")
    return scene


def _planned(scene: StoredScene) -> UUID:
    return scene.of(OptimizationRun).create(program="P", trainset=[{"question": "Who?"}]).id


def _raising(error: BaseException) -> Callable[[OnProgress], None]:
    def work(_tell: OnProgress) -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProgramError("it is wrong"), "failed"),
        (ZeroDivisionError("by zero"), "failed"),
        (CallCancelledError(reason="nobody wants it", progress=Progress.STARTED), "cancelled"),
        (ClosedError("app"), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_the_record_says_how_the_work_ended(scene: StoredScene, error: BaseException, status: str) -> None:
    run_id = _planned(scene)
    with pytest.raises(type(error)):
        conduct(scene, OptimizationRun, run_id, _raising(error))
    run = scene.of(OptimizationRun).get(run_id)
    assert run.status == status
    assert run.ended_at is not None
    assert (run.error is not None) == (status == "failed")
    assert await_ends(scene.store, 0)


def test_what_is_told_is_kept_while_it_goes_on(scene: StoredScene) -> None:
    run_id = _planned(scene)
    runs = scene.of(OptimizationRun)

    def work(tell: OnProgress) -> Any:
        tell({"kind": "candidate", "score": 0.5, "said": "\0"})
        tell({"kind": "example", "done": 1})
        tell({"kind": "candidate", "score": float("inf")})
        assert not await_ends(scene.store, 0)
        return runs.get(run_id)

    during = conduct(scene, OptimizationRun, run_id, work)
    assert during.status == "running"
    assert during.owner == Owner.here().to_map()
    assert [trial["score"] for trial in during.trials] == [0.5, "inf"]
    assert during.trials[0]["said"] == "�"
    assert during.progress == during.trials[1]
    assert scene.of(AuditEntry).count(filter={"record_id": str(run_id)}) == 2  # created and begun, no more


def test_work_goes_on_where_what_it_tells_cannot_be_kept(
    scene: StoredScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise StoreBusyError("here", waited_s=1)

    monkeypatch.setattr(conductor, "_write", busy)
    assert (
        conduct(scene, OptimizationRun, _planned(scene), lambda tell: tell({"done": 1}) or "made") == "made"
    )


def test_a_run_tells_of_its_examples_and_of_what_carried_it_out(scene: StoredScene) -> None:
    examples: list[Any] = [{"question": str(number)} for number in range(4)]
    sets = scene.of(Dataset).create(name="Q", examples=examples, sizes={"train": 3, "dev": 1})
    run = scene.of(OptimizationRun).create(program="P", trainset="Q/train")
    judged = scene.of(Evaluation).create(program="P", devset="Q")
    assert (run.dataset_id, run.split, len(run.trainset)) == (sets.id, "train", 3)
    assert (judged.dataset_id, judged.split, judged.total) == (sets.id, None, 4)
    conduct(scene, OptimizationRun, run.id, lambda _tell: None)
    software = scene.of(OptimizationRun).get(run.id).software
    assert software == {name: software[name] for name in ("python", "dspash", "dspy")}
    assert scene.of(ProgramVersion).get("P@1").software == software
    scene.of(Dataset).destroy(sets.id)
    assert scene.of(Evaluation).get(judged.id).dataset_id is None


def test_a_run_begins_once(scene: StoredScene) -> None:
    run_id = _planned(scene)
    conduct(scene, OptimizationRun, run_id, lambda _tell: None)
    with pytest.raises(TransitionError, match="is running, which does not admit begin"):
        conduct(scene, OptimizationRun, run_id, lambda _tell: None)
    assert scene.of(OptimizationRun).get(run_id).status == "running"


def test_a_run_that_is_cancelled_elsewhere_ends_with_the_next_sign_of_life(
    scene: StoredScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conductor, "SIGN_OF_LIFE_S", 0.01)
    ended = threading.Event()

    class Cancellable:
        def cancel(self, job: str, reason: str) -> bool:
            assert (job, reason) == (str(run_id), "its record says that it is cancelled")
            ended.set()
            return True

    runtime: Any = Cancellable()
    here = StoredScene(ANN, domain=DOMAIN, store=scene.store, runtime=runtime)
    run_id = _planned(scene)

    def work(_tell: OnProgress) -> None:
        begun = scene.of(OptimizationRun).get(run_id).seen_at
        scene.of(OptimizationRun).cancel(run_id)
        assert ended.wait(BOUND_S)
        seen = scene.of(OptimizationRun).get(run_id).seen_at
        assert begun is not None
        assert seen is not None
        assert seen >= begun
        raise CallCancelledError(reason="its record", progress=Progress.STARTED)

    with pytest.raises(CallCancelledError):
        conduct(here, OptimizationRun, run_id, work)
    assert scene.of(OptimizationRun).get(run_id).status == "cancelled"


def test_only_what_nobody_carries_out_is_interrupted(scene: StoredScene) -> None:
    owners: Mapping[str, Owner] = {
        "ours": Owner.here(),
        "gone": replace(Owner.here(), started="1"),
        "elsewhere": replace(Owner.here(), machine="elsewhere"),
    }
    runs = scene.of(OptimizationRun)
    planned = {name: _planned(scene) for name in owners}
    for name, owner in owners.items():
        runs.begin(planned[name], owner=owner.to_map())
    evaluation = scene.of(Evaluation).create(program="P", devset=[{"question": "Who?"}])
    assert interrupt_orphans(scene, OptimizationRun) == 1
    assert interrupt_orphans(scene, Evaluation) == 0
    assert {name: runs.get(run_id).status for name, run_id in planned.items()} == {
        "ours": "running",
        "gone": "interrupted",
        "elsewhere": "running",
    }
    assert scene.of(Evaluation).get(evaluation.id).status == "pending"
    (entry,) = (
        scene.of(AuditEntry).list(filter={"record_id": str(planned["gone"]), "action": "interrupt"}).items
    )
    assert entry.actor == "dspash"


def test_every_tenants_orphans_are_interrupted(scene: StoredScene) -> None:
    south = scene.acting_for(Context(actor="bob", tenant="south", request_id="request-2"))
    south.of(Program).create(name="P", forward_fn="result = {}")
    theirs = south.of(OptimizationRun).create(program="P", trainset=[{"question": "Who?"}])
    south.of(OptimizationRun).begin(theirs.id, owner={})
    with scene.store.transaction() as connection:
        table = DOMAIN.table(DOMAIN.declaration(OptimizationRun))
        connection.execute(table.update().values(seen_at=None))
    assert interrupt_orphans(scene, OptimizationRun) == 1
    assert south.of(OptimizationRun).get(theirs.id).status == "interrupted"


@pytest.mark.parametrize("subject", [{}, {"program": "P", "module": "M"}])
def test_a_run_is_of_one_thing(scene: StoredScene, subject: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="give a program or a module"):
        scene.of(OptimizationRun).create(**subject, trainset=[{"question": "Who?"}])
    with pytest.raises(InvalidInputError, match="has no examples"):
        scene.of(OptimizationRun).create(program="P", trainset=[])


@pytest.mark.parametrize(
    ("before", "after", "better", "worse"),
    [
        ({0: 0.0, 1: 1.0, 2: 0.5}, {0: 1.0, 1: 0.0, 2: 0.5}, (0,), (1,)),
        ({0: 0.0}, {1: 1.0}, (), ()),
        ({}, {}, (), ()),
    ],
)
def test_scores_are_compared_example_by_example(
    before: dict[int, float], after: dict[int, float], better: tuple[int, ...], worse: tuple[int, ...]
) -> None:
    told = compare_scores(before, after)
    assert (told.better, told.worse) == (better, worse)
    assert told.difference == told.after - told.before


def test_whatever_is_observed_can_be_kept() -> None:
    deep: Any = {}
    for _ in range(100):
        deep = {"in": deep}
    value = {
        "text": "a\0b\ud800",
        "big": 2**63,
        "nan": float("nan"),
        1: b"bytes",
        "deep": deep,
        "odd": {1, 2},
    }
    kept = observed(value)
    assert kept["text"] == "a�b?"
    assert kept["big"] == 2.0**63
    assert kept["nan"] == "nan"
    assert kept["1"] == "5 bytes"
    assert kept["odd"] == "{1, 2}"
