"""What evaluations take is measured by real ones; the bar is judged on its own side."""

from __future__ import annotations

import pytest

from benchmarks.evaluating import EvaluationAmounts, measure_computing
from benchmarks.evaluation_run import EvaluationRun
from benchmarks.isolation.amounts import Measured
from benchmarks.machine import describe_machine

SPEED = "two workers / dspy.Evaluate, speed"


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_both_sides_compute_everything() -> None:
    steps: list[str] = []
    found = list(measure_computing(EvaluationAmounts(examples=4, rounds=1), steps.append))
    assert [measured.name for measured in found] == ["dspy.Evaluate", "two workers", SPEED]
    assert all(measured.value > 0 for measured in found)
    assert len(steps) == 2


@pytest.mark.parametrize(("speed", "is_met"), [(1.7, True), (1.69, False)])
def test_the_bar_is_judged_on_its_own_side(speed: float, *, is_met: bool) -> None:
    assert EvaluationRun(describe_machine(), [Measured(SPEED, speed, "×")]).bars_met is is_met
