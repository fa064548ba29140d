"""Hostile frames, in short: none escapes its own call, and the same seed sends the same ones."""

from __future__ import annotations

import pytest

from benchmarks.fuzz import Campaign, run_campaign
from benchmarks.fuzz.frames import vector_payloads
from benchmarks.fuzz.mutation import Mutator
from dspash.bridge.intake import Intake
from dspash_protocol import Fault


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [11, 12])
def test_hostile_frames_cost_their_own_worker_at_most(seed: int) -> None:
    report = run_campaign(Campaign(seed=seed, frames=10_000))
    assert report.violations == []
    assert report.frames >= 10_000
    for expected in ("results", "errorreplys", "events", "requests", "cancels", "notices", "defects"):
        assert report.counts[expected] > 100
    for expected in ("broken framings", "call: answered", "call: WorkerLostError", "workers ended"):
        assert report.counts[expected] > 10


def test_trial_can_be_run_again_alone() -> None:
    again = [run_campaign(Campaign(seed=7, frames=1, only=5)) for _ in range(2)]
    assert [report.trials for report in again] == [1, 1]
    assert again[0].violations == again[1].violations == []


def test_same_seed_draws_the_same_frames() -> None:
    drawn = [[Mutator(seed, (2, 3)).frame() for _ in range(1)] for seed in ("a", "a", "b")]
    assert drawn[0] == drawn[1] != drawn[2]
    first, second = Mutator("a", (2,)), Mutator("a", (2,))
    assert [first.frame() for _ in range(300)] == [second.frame() for _ in range(300)]


def test_frames_grow_from_every_vector() -> None:
    payloads = vector_payloads()
    assert len(payloads) > 100
    assert b"{}" in payloads


def test_defect_of_the_reader_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_fault(self: Intake, request_id: int, fault: Fault) -> None:
        raise KeyError(request_id)

    monkeypatch.setattr(Intake, "_take_fault", take_fault)
    report = run_campaign(Campaign(seed=1, frames=2_000))
    assert any("KeyError" in violation for violation in report.violations)
    assert report.frames < 2_000
