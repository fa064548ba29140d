"""Intervals of mean scores are those of the books, and hold the mean as often as they say."""

from __future__ import annotations

import random
from statistics import fmean
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dspash
from dspash.scoring import Interval, mean_interval

pytestmark = pytest.mark.timeout(60)  # scipy takes seconds to import, more on a busy machine


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_bounds_are_round_the_mean_and_within_what_scores_can_be(scores: list[float]) -> None:
    found = mean_interval(scores)
    assert found is not None
    slack = 1e-9  # of sums in floating point
    assert -slack <= found.low <= fmean(scores) + slack
    assert fmean(scores) - slack <= found.high <= 1 + slack


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=60))
def test_more_confidence_takes_more_room(scores: list[float]) -> None:
    narrow, wide = mean_interval(scores, level=0.5), mean_interval(scores, level=0.99)
    assert narrow is not None
    assert wide is not None
    assert wide.low <= narrow.low <= narrow.high <= wide.high


@pytest.mark.parametrize(
    "scores",
    [
        [1.0] * 30 + [0.0] * 10,
        [index / 50 for index in range(50)],
        [0.2, 0.9, 0.9, 1.0, 0.0, 0.4, 0.6, 0.7, 0.1, 0.3],
    ],
    ids=["shares", "even", "few"],
)
def test_percentiles_are_those_that_scipy_finds(scores: list[float]) -> None:
    import numpy as np
    from scipy import stats

    theirs = (
        cast("Any", stats)
        .bootstrap((scores,), cast("Any", np).mean, method="percentile", n_resamples=2_000, rng=1)
        .confidence_interval
    )
    ours = mean_interval(scores)
    assert ours is not None
    assert ours.method == "bootstrap"
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_a_set_without_a_failure_leaves_room_for_doubt() -> None:
    found = mean_interval([1.0] * 10)
    assert found == Interval(pytest.approx(0.7225, abs=1e-4), 1.0, 0.95, "wilson")  # type: ignore[arg-type]


def test_large_sets_are_normal_and_agree_with_resampling() -> None:
    scores = [float(index % 10 < 7) for index in range(2_001)]
    many, fewer = mean_interval(scores), mean_interval(scores[:2_000])
    assert many is not None
    assert fewer is not None
    assert (many.method, fewer.method) == ("normal", "bootstrap")
    assert (many.low, many.high) == pytest.approx((fewer.low, fewer.high), abs=0.002)


def test_ninety_percent_intervals_hold_the_true_mean_nine_times_of_ten() -> None:
    draw, held = random.Random(7), 0
    for seed in range(60):
        scores = [float(draw.random() < 0.6) for _ in range(50)]
        found = mean_interval(scores, level=0.9, seed=seed)
        assert found is not None
        held += found.low <= 0.6 <= found.high
    assert 0.78 <= held / 60 <= 0.99


def test_the_same_seed_gives_the_same_bounds() -> None:
    scores = [0.1, 0.9, 0.4]
    assert mean_interval(scores, seed=3) == mean_interval(scores, seed=3)
    assert mean_interval(scores).__str__().endswith("(95%, bootstrap)")


def test_what_tells_nothing_has_no_interval() -> None:
    assert mean_interval([]) is None
    assert mean_interval([0.4]) is None
    assert mean_interval([3.0, 3.0]) is None
    with pytest.raises(dspash.ConfigurationError, match="level"):
        mean_interval([0.0, 1.0], level=95)
