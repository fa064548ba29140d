"""The soak of sandboxed calls, in short: each has the outcome it must have, and nothing is left."""

from __future__ import annotations

import pytest

import dspash
from benchmarks.soak import DEEDS, Soak, run_soak
from benchmarks.soak.deeds import judge


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.bwrap
@pytest.mark.timeout(180)
def test_sandboxed_calls_that_do_their_worst_touch_no_other() -> None:
    steps: list[int] = []
    report = run_soak(Soak(seed=5, calls=80), on_step=steps.append)
    assert report.violations == ()
    assert report.left == ()
    assert report.calls == 80
    assert max(steps) == 80
    assert report.handed.p50 > 0


def test_a_wrong_outcome_is_noticed() -> None:
    double, spin = DEEDS[0], next(deed for deed in DEEDS if deed.name == "spin")
    assert judge(double, 4, dspash.Prediction({"n": 8})) is None
    assert "a wrong answer" in str(judge(double, 4, dspash.Prediction({"n": 9})))
    assert "ClosedError instead of right" in str(judge(double, 4, dspash.ClosedError("app")))
    assert judge(spin, 4, dspash.LimitExceededError(limit="wall", used=1, allowed=0.3)) is None
    assert "cpu instead of wall" in str(
        judge(spin, 4, dspash.LimitExceededError(limit="cpu", used=1, allowed=1))
    )
