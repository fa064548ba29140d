"""What traces cost is measured by real calls, writes and lists; its bars are judged each on its own side."""

from __future__ import annotations

import pytest

from benchmarks.isolation.amounts import Measured
from benchmarks.machine import describe_machine
from benchmarks.traces_run import TracesRun
from benchmarks.tracing import TraceAmounts, measure_finding, measure_overhead, measure_writing

AMOUNTS = TraceAmounts(rounds=1, calls=2, written=50, kept=200, looks=2)


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_every_measure_comes_to_something() -> None:
    steps: list[str] = []
    found = {
        measured.name: measured
        for measure in (measure_overhead, measure_writing, measure_finding)
        for measured in measure(AMOUNTS, steps.append)
    }
    assert len(TracesRun(describe_machine(), list(found.values())).verdicts) == 4
    assert steps
    assert all(measured.value > 0 for measured in found.values())
    assert found["untraced module"].value < 5


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("traced module / untraced", 1.15, 1.16),
        ("traced program / untraced", 1.15, 1.16),
        ("executions written", 3_000.0, 2_999.0),
        ("list, p95 of all", 0.030, 0.031),
    ],
)
def test_each_bar_is_judged_on_its_own_side(name: str, good: float, bad: float) -> None:
    machine = describe_machine()
    assert TracesRun(machine, [Measured(name, good, "")]).bars_met
    assert not TracesRun(machine, [Measured(name, bad, "")]).bars_met
