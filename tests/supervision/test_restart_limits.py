"""Intensity and backoff: the window is never exceeded, the wait never leaves its bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.supervision import Backoff, Intensity

# Sixteenths of a second add up exactly, so that a window's edge is met and not nearly met.
TICKS = st.integers(0, 64).map(lambda sixteenths: sixteenths / 16)


@pytest.mark.parametrize(
    ("restarts_at_s", "now_s", "recent", "forbids"),
    [
        ([], 100.0, 0, False),
        ([98.0, 99.0], 100.0, 2, False),
        ([97.0, 98.0, 99.0], 100.0, 3, True),
        ([95.0, 98.0, 99.0], 100.0, 3, True),  # exactly one period ago still counts
        ([94.9, 98.0, 99.0], 100.0, 2, False),
        ([100.0, 100.0, 100.0], 100.0, 3, True),
    ],
)
def test_restarts_within_the_period_count(
    restarts_at_s: list[float], now_s: float, recent: int, forbids: bool
) -> None:
    intensity = Intensity(max_restarts=3, period_s=5.0)
    assert intensity.recent(restarts_at_s, now_s) == recent
    assert intensity.forbids(restarts_at_s, now_s) is forbids


def test_no_restart_at_all_is_allowed_when_the_limit_is_none() -> None:
    assert Intensity(max_restarts=0).forbids([], 100.0)


@given(gaps=st.lists(TICKS, max_size=60), max_restarts=st.integers(0, 5), period_s=TICKS.filter(bool))
def test_no_window_ever_holds_more_restarts_than_the_limit(
    gaps: list[float], max_restarts: int, period_s: float
) -> None:
    intensity = Intensity(max_restarts, period_s)
    made: list[float] = []
    now_s = 0.0
    for gap in gaps:
        now_s += gap
        if not intensity.forbids(made, now_s):
            made.append(now_s)
    for end_s in made:
        assert sum(end_s - period_s <= at_s <= end_s for at_s in made) <= max_restarts


@pytest.mark.parametrize(
    ("crashes", "ceiling_s"),
    [(0, 0.0), (1, 0.0), (2, 0.05), (3, 0.1), (4, 0.2), (9, 6.4), (10, 10.0), (11, 10.0)],
)
def test_the_first_restart_is_immediate_and_the_ceiling_doubles_up_to_the_cap(
    crashes: int, ceiling_s: float
) -> None:
    assert Backoff(base_s=0.05, cap_s=10.0).ceiling_s(crashes) == pytest.approx(ceiling_s)


@given(
    base_s=st.floats(0, 86_400),
    cap_s=st.floats(0, 86_400),
    crashes=st.integers(0, 10**9),
    seed=st.integers(0, 2**32),
)
def test_the_wait_stays_between_nothing_and_the_ceiling(
    base_s: float, cap_s: float, crashes: int, seed: int
) -> None:
    backoff = Backoff(base_s, cap_s)
    ceiling_s = backoff.ceiling_s(crashes)
    assert 0 <= backoff.delay_s(crashes, random.Random(seed).random) <= ceiling_s <= cap_s
    assert ceiling_s <= backoff.ceiling_s(crashes + 1)


@pytest.mark.parametrize(("share", "delay_s"), [(0.0, 0.0), (0.25, 0.1), (0.999, 0.3996)])
def test_the_jitter_is_full(share: float, delay_s: float) -> None:
    assert Backoff(base_s=0.1, cap_s=10.0).delay_s(4, lambda: share) == pytest.approx(delay_s)


def test_a_cap_of_nothing_turns_waiting_off() -> None:
    assert Backoff(cap_s=0.0).ceiling_s(50) == 0.0
