"""What an untrusted worker may say: how much, how fast, and what it may cost to read."""

from __future__ import annotations

import pytest

from dspash.bridge.overrun import Limit, LimitOverrun
from dspash.bridge.stream_budget import FRAME_TIME_S, FRAMES_PER_S, READING_S, READING_SHARE, StreamBudget

MIB = 1 << 20


class Clock:
    """A time that stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def budget(clock: Clock, *, frames: int = 1_000_000, frame_bytes: int = MIB) -> StreamBudget:
    return StreamBudget(frames=frames, output_bytes=MIB, frame_bytes=frame_bytes, clock=clock)


def limit_of(caught: pytest.ExceptionInfo[LimitOverrun]) -> Limit:
    return caught.value.overrun.limit


def test_frames_are_counted_and_may_be_allowed(clock: Clock) -> None:
    stream = budget(clock, frames=3)
    stream.take(10, 3, mid_frame=False)
    stream.allow(2)
    stream.take(10, 2, mid_frame=False)
    with pytest.raises(LimitOverrun) as caught:
        stream.take(10, 1, mid_frame=False)
    assert limit_of(caught) is Limit.FRAMES
    assert (caught.value.overrun.used, caught.value.overrun.allowed) == (6, 5)


def test_burst_of_frames_is_free_once_and_again_later(clock: Clock) -> None:
    stream = budget(clock)
    stream.take(1, int(FRAMES_PER_S), mid_frame=False)
    with pytest.raises(LimitOverrun) as caught:
        stream.take(1, 1, mid_frame=False)
    assert limit_of(caught) is Limit.RATE
    clock.now += 2
    stream.take(1, int(FRAMES_PER_S) - 1, mid_frame=False)


def test_what_reading_costs_is_bounded(clock: Clock) -> None:
    stream = budget(clock)
    stream.take(MIB, 1, mid_frame=False, reading_s=READING_S * 0.9)
    with pytest.raises(LimitOverrun) as caught:
        stream.take(MIB, 1, mid_frame=False, reading_s=READING_S * 0.2)
    overrun = caught.value.overrun
    assert (overrun.limit, overrun.allowed) == (Limit.READING, READING_S)
    assert overrun.used == pytest.approx(READING_S * 1.1)


def test_reading_earns_its_share_of_a_core(clock: Clock) -> None:
    stream = budget(clock)
    for _ in range(50):
        stream.take(1, 1, mid_frame=False, reading_s=READING_SHARE)
        clock.now += 1
    with pytest.raises(LimitOverrun):
        stream.take(1, 1, mid_frame=False, reading_s=READING_S + READING_SHARE)


def test_longer_frames_may_take_longer_to_read(clock: Clock) -> None:
    budget(clock, frame_bytes=8 * MIB).take(MIB, 1, mid_frame=False, reading_s=READING_S * 7)
    with pytest.raises(LimitOverrun):
        budget(clock, frame_bytes=1000).take(MIB, 1, mid_frame=False, reading_s=READING_S * 1.1)


def test_frame_that_was_begun_becomes_overdue(clock: Clock) -> None:
    stream = budget(clock)
    stream.take(10, 0, mid_frame=True)
    clock.now += FRAME_TIME_S / 2
    stream.take(10, 0, mid_frame=True)
    assert stream.overdue() is None
    clock.now += FRAME_TIME_S / 2
    overrun = stream.overdue()
    assert overrun is not None
    assert overrun.limit is Limit.FRAME_TIME
    stream.take(10, 1, mid_frame=False)
    assert stream.overdue() is None


def test_printing_counts_from_the_call(clock: Clock) -> None:
    stream = budget(clock)
    stream.printed(MIB)
    stream.renew(frames=1, output_bytes=MIB, printed=MIB)
    stream.printed(2 * MIB)
    with pytest.raises(LimitOverrun) as caught:
        stream.printed(2 * MIB + 1)
    assert limit_of(caught) is Limit.OUTPUT
