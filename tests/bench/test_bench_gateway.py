"""What the gateway costs is measured by real calls to a real server; its bars are judged each on its own side."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from benchmarks.gateway import (
    QUICK_CALLS,
    measure_cached,
    measure_crowd,
    measure_overhead,
    measure_tokens,
)
from benchmarks.gateway.failures import violations
from benchmarks.gateway_run import GatewayRun
from benchmarks.isolation.amounts import Measured
from benchmarks.machine import describe_machine

ALONE: Final = replace(QUICK_CALLS, beside_litellm=False)  # LiteLLM takes seconds to import


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_every_measure_comes_to_something() -> None:
    steps: list[str] = []
    measures = (measure_overhead, measure_crowd, measure_cached, measure_tokens)
    found = [measured for measure in measures for measured in measure(ALONE, steps.append)]
    assert len(GatewayRun(describe_machine(), found).verdicts) == 5
    assert len(steps) == 5
    assert {"call by httpx", "call by dspash", "dspash beyond httpx"} <= {each.name for each in found}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_provider_that_fails_one_in_five_leaves_one_outcome_and_one_bill_a_call() -> None:
    assert violations(100, seed=2, patience_s=2.0) == []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("dspash beyond httpx", 0.0015, 0.0016),
        ("dspash beyond litellm", -0.0001, 0.0),
        ("crowd / ideal", 1.5, 1.51),
        ("cached answer by dspash", 0.001, 0.0011),
        ("cached / dspy.LM's disk cache", 0.99, 1.0),
        ("first token beyond httpx", 0.003, 0.0031),
        ("calls that ended wrongly", 0.0, 1.0),
    ],
)
def test_each_bar_is_judged_on_its_own_side(name: str, good: float, bad: float) -> None:
    machine = describe_machine()
    for value, met in ((good, True), (bad, False)):
        [verdict] = GatewayRun(machine, [Measured(name, value, "s")]).verdicts
        assert verdict.met is met
