"""The storm itself, in short: whatever happens, every call ends exactly once and a closed app leaves nothing."""

from __future__ import annotations

import pytest

from benchmarks.leaks import check_leaks
from benchmarks.storm import Plan, run_storm
from benchmarks.storm.plan import CALM

pytestmark = [pytest.mark.serial, pytest.mark.slow]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_storm_loses_doubles_and_leaves_nothing(seed: int) -> None:
    report = run_storm(Plan(seed=seed, steps=400))
    assert report.violations == []
    assert report.restarts > 0
    assert report.outcomes["answered"] > 0
    assert report.outcomes["WorkerLostError"] > 0


@pytest.mark.timeout(120)
def test_in_calm_weather_no_worker_is_ever_replaced() -> None:
    report = run_storm(Plan(seed=3, steps=400, weather=CALM))
    assert report.violations == []
    assert report.restarts == 0
    assert "WorkerLostError" not in report.outcomes


@pytest.mark.timeout(120)
def test_calls_and_restarts_leave_the_memory_of_the_host_flat() -> None:
    report = check_leaks(calls=2_000, restarts=5, on_step=lambda _what: None)
    assert report.growth_mib <= 5
