"""StreamBudget: how much an untrusted worker may say while it serves one call, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from dspash.bridge.overrun import Limit, LimitOverrun, Overrun

__all__ = ["FRAME_TIME_S", "SLICE_BYTES", "ReadingBudget", "StreamBudget"]

SLICE_BYTES: Final = 4096
"""How much is taken in between two looks at the budget: frames of a few bytes cost the reading thread 15 µs each."""

FRAME_TIME_S: Final = 5.0  # to finish a frame that was begun
FRAMES_PER_S: Final = 10_000.0  # sustained; a burst of as many is free
BYTES_PER_S: Final = 64.0 * 1024 * 1024  # likewise
READING_S: Final = 2.0
"""CPU time that reading a worker may cost the host, for each MiB of its longest frame. A frame of a million empty lists
takes half a second, in which the thread that reads hears nobody else; one of text takes some ms."""

READING_SHARE: Final = 0.1  # of a core, on which as much is free again
_MIB: Final = 1024 * 1024


class ReadingBudget:
    """CPU time that it may cost the host to read one peer: some at once, and a share of a core from then on."""

    def __init__(self, *, frame_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_s = self._credit_s = READING_S * max(1.0, frame_bytes / _MIB)
        self._clock = clock
        self._filled_at = clock()

    def __repr__(self) -> str:
        return f"<ReadingBudget {self._credit_s:.3g}/{self._most_s:g} s>"

    def take(self, reading_s: float) -> None:
        """To read what came last took `reading_s`. Raises LimitOverrun when that was too much."""
        now = self._clock()
        earned_s, self._filled_at = (now - self._filled_at) * READING_SHARE, now
        self._credit_s = min(self._most_s, self._credit_s + earned_s) - reading_s
        if self._credit_s < 0:
            raise LimitOverrun(Overrun(Limit.READING, self._most_s - self._credit_s, self._most_s))


class StreamBudget:
    """Counts what one worker sends. One thread at a time, as the Reader has it; `overdue` from any.

    Raises LimitOverrun as soon as something is too much.
    """

    def __init__(
        self,
        *,
        frames: int,
        output_bytes: int,
        frame_bytes: int = _MIB,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.frames_left = frames
        self._frames = frames
        self._output_bytes = output_bytes
        self._printed_before = 0
        self._clock = clock
        self._frame_credit = FRAMES_PER_S
        self._byte_credit = BYTES_PER_S
        self._reading = ReadingBudget(frame_bytes=frame_bytes, clock=clock)
        self._filled_at = clock()
        self._mid_frame_since: float | None = None

    def __repr__(self) -> str:
        return f"<StreamBudget frames={self._frames - self.frames_left}/{self._frames}>"

    def renew(self, *, frames: int, output_bytes: int, printed: int) -> None:
        """Another call begins: it may send and print so much; `printed` bytes were before it."""
        self.frames_left = self._frames = frames
        self._output_bytes = output_bytes
        self._printed_before = printed

    def allow(self, frames: int) -> None:
        """Let it send so many frames more."""
        self._frames += frames
        self.frames_left += frames

    def take(self, size: int, frames: int, *, mid_frame: bool, reading_s: float = 0.0) -> None:
        """It has sent `size` bytes, which completed `frames` frames, and possibly begun another; to read them took
        `reading_s` of CPU time.
        """
        now = self._clock()
        passed_s = now - self._filled_at
        self._filled_at = now
        self._frame_credit = min(FRAMES_PER_S, self._frame_credit + passed_s * FRAMES_PER_S) - frames
        self._byte_credit = min(BYTES_PER_S, self._byte_credit + passed_s * BYTES_PER_S) - size
        self.frames_left -= frames
        if frames or not mid_frame or self._mid_frame_since is None:
            self._mid_frame_since = now if mid_frame else None
        if self.frames_left < 0:
            raise LimitOverrun(Overrun(Limit.FRAMES, self._frames - self.frames_left, self._frames))
        if self._frame_credit < 0 or self._byte_credit < 0:
            raise LimitOverrun(Overrun(Limit.RATE, None, FRAMES_PER_S))
        self._reading.take(reading_s)

    def printed(self, total_bytes: int) -> None:
        """It has printed `total_bytes` in its life."""
        printed = total_bytes - self._printed_before
        if printed > self._output_bytes:
            raise LimitOverrun(Overrun(Limit.OUTPUT, printed / _MIB, self._output_bytes / _MIB))

    def overdue(self) -> Overrun | None:
        """Whether a frame that was begun has taken too long."""
        since = self._mid_frame_since
        if since is None or (open_s := self._clock() - since) < FRAME_TIME_S:
            return None
        return Overrun(Limit.FRAME_TIME, open_s, FRAME_TIME_S)
