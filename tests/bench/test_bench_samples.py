"""Samples and figures: quantiles, and ratios that a drifting machine does not move."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Unit, paired_ratio, summarise
from benchmarks.rounds import Turns
from benchmarks.samples import median, quantiles

TIMES = st.lists(st.floats(min_value=1e-6, max_value=1e3), min_size=1, max_size=50)


@given(TIMES)
def test_median_is_the_middle_of_the_samples(samples: list[float]) -> None:
    assert median(samples) == pytest.approx(statistics.median(samples))


@given(TIMES)
def test_quantiles_rise_and_stay_within_the_samples(samples: list[float]) -> None:
    found = quantiles(samples)
    assert min(samples) <= found.p50 <= found.p90 <= found.p99 <= max(samples)
    assert found.count == len(samples)


def test_p99_of_a_hundred_and_one_samples_is_the_last_but_one() -> None:
    assert quantiles([float(number) for number in range(101)]).p99 == 99


@given(st.lists(st.floats(min_value=0.1, max_value=100), min_size=1, max_size=20))
def test_ratio_is_untouched_by_a_machine_that_slows_down_for_whole_rounds(moods: list[float]) -> None:
    ours = [[3e-5 * mood, 4e-5 * mood, 5e-5 * mood] for mood in moods]
    reference = [[1e-5 * mood, 2e-5 * mood, 9e-5 * mood] for mood in moods]
    assert paired_ratio(ours, reference) == pytest.approx(2)


def test_summary_keeps_the_reason_of_who_failed_and_needs_no_reference() -> None:
    turns = Turns({"a": [[1.0], [3.0]]}, {"b": "it broke"})
    ours, theirs = summarise("start", Unit.SECONDS, turns, reference="c")
    assert (ours.contestant, ours.ratio, ours.quantiles and ours.quantiles.p50) == ("a", None, 2.0)
    assert (theirs.contestant, theirs.quantiles, theirs.note) == ("b", None, "it broke")
