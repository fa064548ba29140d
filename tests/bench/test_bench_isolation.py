"""What isolation costs is measured by real births, calls and ends; its bars are judged each on its own side."""

from __future__ import annotations

import pytest

from benchmarks.isolation import Amounts, measure_births, measure_calls, measure_host_kill
from benchmarks.isolation.amounts import Measured
from benchmarks.machine import describe_machine
from benchmarks.sandbox_run import SandboxRun

AMOUNTS = Amounts(
    rounds=1, births=2, crowd=3, life=5, spare_calls=2, sustained_s=0.5, crashes=1, host_kills=1
)


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.bwrap
@pytest.mark.timeout(180)
def test_every_measure_comes_to_something() -> None:
    steps: list[str] = []
    found = {
        measured.name: measured
        for measure in (measure_births, measure_calls, measure_host_kill)
        for measured in measure(AMOUNTS, steps.append)
    }
    assert len(SandboxRun(describe_machine(), list(found.values())).verdicts) == 8
    assert steps
    for name in ("birth", "birth without layers", "call on a spare", "kill → gone", "crash → next answer"):
        assert found[name].value > 0
    assert found["host killed → nothing left"].value < 5
    assert 0 < found["memory of a further worker"].value < 50
    assert found["disposable calls"].value > 1


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("birth", 0.0099, 0.0101),
        ("birth ratio", 1.59, 1.61),
        ("call on a spare", 0.0009, 0.0011),
        ("disposable calls", 151, 149),
        ("memory of a further worker", 11.9, 12.1),
        ("growth of a zygote", 1.9, 2.1),
        ("crash → next answer", 0.0099, 0.0101),
        ("host killed → nothing left", 0.09, 0.11),
    ],
)
def test_bar_is_met_on_its_own_side_only(name: str, good: float, bad: float) -> None:
    machine = describe_machine()
    judged = [SandboxRun(machine, [Measured(name, value, "s")]) for value in (good, bad)]
    assert [run.bars_met for run in judged] == [True, False]
    assert SandboxRun(machine, []).bars_met
