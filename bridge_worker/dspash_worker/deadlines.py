"""Deadlines: tells of every call whose time has come, by one timer for all of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from dspash_worker.call import Call
from dspash_worker.timers import Timers

__all__ = ["Deadlines"]

GRAIN_S: Final = 0.001  # between looks, so that a thousand calls that end one by one cost a look or two
LONGEST_S: Final = 60.0  # to the next look, so that no timer outlives the calls it was set for by more


class Deadlines:
    """The calls that have a deadline and have not ended. Adding one costs a comparison, unless it is the next to be due.

    A timer for each call would be set and stopped at every call, though hardly any of them is ever due.
    """

    def __init__(
        self, timers: Timers, on_due: Callable[[Call], None], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._timers = timers
        self._on_due = on_due
        self._now = now
        self._calls: dict[int, tuple[float, Call]] = {}  # by id, with when each is due
        self._look_at = math.inf  # when the next look is planned
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Deadlines calls={len(self._calls)}>"

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call, due: float) -> None:
        """Watch `call` until it is discarded or `due`, on the monotonic clock."""
        with self._lock:
            self._calls[call.id] = (due, call)
            after_s = self._plan(due) if due < self._look_at else None
        if after_s is not None:
            self._timers.after(after_s, self._look)

    def discard(self, call: Call) -> None:
        """The call has ended."""
        self._calls.pop(call.id, None)

    def _look(self) -> None:
        now = self._now()
        with self._lock:
            if now < self._look_at:
                return  # an earlier look has seen to it, and planned the next
            watched = list(self._calls.values())
            soonest = min((due for due, _ in watched if due > now), default=math.inf)
            self._look_at = math.inf
            after_s = self._plan(max(soonest, now + GRAIN_S)) if soonest < math.inf else None
        if after_s is not None:
            self._timers.after(after_s, self._look)
        for due, call in watched:
            if due <= now:
                self.discard(call)
                self._on_due(call)

    def _plan(self, at: float) -> float:
        """Plan the next look; how long it is until then."""
        now = self._now()
        self._look_at = min(at, now + LONGEST_S)
        return max(0.0, self._look_at - now)
