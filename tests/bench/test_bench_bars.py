"""Bars: each is judged from its own figure, and not at all without one."""

from __future__ import annotations

import pytest

from benchmarks.bars import judge
from benchmarks.figures import Figure, Unit
from benchmarks.samples import quantiles


def seconds(measure: str, contestant: str, value: float, ratio: float | None = None) -> Figure:
    return Figure(measure, contestant, Unit.SECONDS, quantiles([value]), ratio)


def rate(measure: str, contestant: str, value: float, ratio: float) -> Figure:
    return Figure(measure, contestant, Unit.CALLS_PER_SECOND, quantiles([value]), ratio)


def test_nothing_measured_means_nothing_judged() -> None:
    assert judge([]) == []


@pytest.mark.parametrize(
    ("figures", "met"),
    [
        ([seconds("round_trip", "dspash", 5e-5, 4.9)], True),
        ([seconds("round_trip", "dspash", 6e-5, 5.1)], False),
        ([rate("pipelined", "dspash", 21_000, 0.1)], True),
        ([rate("pipelined", "dspash", 19_000, 0.41)], True),
        ([rate("pipelined", "dspash", 19_000, 0.39)], False),
        ([seconds("predict", "dspash", 1e-3, 1.24)], True),
        ([seconds("predict", "dspash", 1e-3, 1.26)], False),
        ([rate("crunch", "dspash-2", 100, 1.7)], True),
        ([rate("crunch", "dspash-2", 100, 1.5)], False),
        ([seconds("crash_error", "dspash", 0.004)], True),
        ([seconds("crash_error", "dspash", 0.006)], False),
        ([seconds("overshoot_sleep", "dspash", 0.019)], True),
        ([seconds("overshoot_spin", "dspash", 0.021)], False),
        ([seconds("host_kill", "dspash", 0.9)], True),
        ([Figure("host_kill", "dspash", Unit.SECONDS, None, note="never")], False),
    ],
)
def test_bar_is_met_on_its_own_side_only(figures: list[Figure], met: bool) -> None:
    assert [verdict.met for verdict in judge(figures)] == [met]


def test_bare_frames_are_no_rival_but_every_supervised_peer_is() -> None:
    ours, floor = seconds("round_trip", "dspash", 4e-5), seconds("round_trip", "bare-frames", 2e-5)
    assert judge([ours, floor]) == []
    assert [verdict.met for verdict in judge([ours, floor, seconds("round_trip", "execnet", 6e-5)])] == [True]
    assert [verdict.met for verdict in judge([ours, floor, seconds("round_trip", "execnet", 3e-5)])] == [
        False
    ]


def test_import_that_loads_dspy_misses_its_bar() -> None:
    quick = Figure("import", "dspash", Unit.SECONDS, quantiles([0.08]), note="loads dspy")
    assert {verdict.bar: verdict.met for verdict in judge([quick])} == {
        "import dspash < 150 ms": True,
        "import dspash loads no dspy": False,
    }
