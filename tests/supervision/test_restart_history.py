"""Restart history: what counts as a row of crashes, and what is remembered."""

from __future__ import annotations

import pytest

from dspash.supervision import Death, RecycleCause, Recycled, RestartHistory, Signalled

STABLE_S = 5.0


def crash(generation: int, *, child_id: str = "pool.0", ready_s: float | None = 0.0) -> Death:
    return Death(child_id, generation, Signalled(11), ready_s=ready_s)


def after(*deaths: Death) -> RestartHistory:
    history = RestartHistory()
    for now_s, death in enumerate(deaths):
        history = history.add(history.record_of(death, float(now_s), STABLE_S), at_least=0)
    return history


@pytest.mark.parametrize(
    ("deaths", "crashes_in_a_row", "failed_starts"),
    [
        ([crash(1)], 1, 0),
        ([crash(1, ready_s=None)], 1, 1),
        ([crash(1), crash(2), crash(3)], 3, 0),
        ([crash(1, ready_s=None), crash(2, ready_s=None), crash(3, ready_s=None)], 3, 3),
        ([crash(1, ready_s=None), crash(2, ready_s=None), crash(3)], 3, 0),  # it came up, if not for long
        ([crash(1), crash(2), crash(3, ready_s=None)], 3, 1),
        ([crash(1), crash(2, ready_s=4.9)], 2, 0),
        ([crash(1), crash(2, ready_s=5.0)], 1, 0),  # stable in between
        ([crash(1), crash(1, child_id="pool.1")], 1, 0),  # another child's crashes are its own
        ([crash(1), crash(9, child_id="pool.1"), crash(2)], 2, 0),
        ([crash(1), crash(3)], 1, 0),  # generation 2 did not crash
        ([crash(1, ready_s=None), crash(3, ready_s=None)], 1, 1),
    ],
)
def test_only_crashes_of_successive_generations_are_in_a_row(
    deaths: list[Death], crashes_in_a_row: int, failed_starts: int
) -> None:
    last = after(*deaths).restarts[-1]
    assert (last.crashes_in_a_row, last.failed_starts) == (crashes_in_a_row, failed_starts)


def test_a_record_keeps_who_crashed_and_why_and_when() -> None:
    record = RestartHistory().record_of(crash(4, child_id="pool.2"), 12.5, STABLE_S)
    assert (record.child_id, record.generation, record.exit, record.at_s) == (
        "pool.2",
        4,
        Signalled(11),
        12.5,
    )


@pytest.mark.parametrize(("at_least", "kept"), [(0, 100), (100, 100), (250, 250)])
def test_the_history_is_bounded_and_keeps_the_latest(at_least: int, kept: int) -> None:
    history = RestartHistory()
    for generation in range(1, 401):
        history = history.add(history.record_of(crash(generation), 0.0, STABLE_S), at_least=at_least)
    assert [past.generation for past in history.restarts] == list(range(401 - kept, 401))
    assert history.restarts[-1].crashes_in_a_row == 400


def test_adding_leaves_the_history_it_was_added_to_alone() -> None:
    before = after(crash(1))
    before.add(before.record_of(crash(2), 1.0, STABLE_S), at_least=0)
    assert len(before.restarts) == 1


def test_a_reason_that_is_no_crash_can_still_be_recorded_by_its_owner() -> None:
    death = Death("pool.0", 1, Recycled(RecycleCause.AGE), ready_s=60.0)
    assert RestartHistory().record_of(death, 0.0, STABLE_S).exit == Recycled(RecycleCause.AGE)
