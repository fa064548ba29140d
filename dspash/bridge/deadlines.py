"""Deadlines: ends every call whose time has come, by one timer for all of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from dspash.bridge.call import Call
from dspash.bridge.mailbox import Mailbox

__all__ = ["Deadlines"]

GRAIN_S: Final = 0.001  # between looks, so that a thousand calls that end one by one cost a look or two
LONGEST_S: Final = 60.0  # to the next look, so that no timer outlives the calls it was set for by more


class Deadlines:
    """All calls that have not ended. Adding one costs a comparison, unless it is the next to be due.

    A timer a call would be a hundred thousand timers under load, nearly all for calls that ended long before.
    """

    def __init__(self, mailbox: Mailbox, on_due: Callable[[Call], object]) -> None:
        self._mailbox = mailbox
        self._on_due = on_due
        self._calls: dict[int, Call] = {}
        self._look_at = math.inf  # when the next look is planned
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Deadlines calls={len(self._calls)}>"

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def open_calls(self) -> list[Call]:
        """Every call that is watched, oldest first."""
        return list(self._calls.values())

    def add(self, call: Call) -> None:
        """Watch `call` until it ends or is due."""
        with self._lock:
            self._calls[call.serial] = call
            look_at = self._plan(call.deadline) if call.deadline < self._look_at else None
        if look_at is not None:
            self._mailbox.cast_at(look_at, self._look)
        if call.has_ended:
            self.discard(call)  # it was faster, and nobody would take it out again

    def discard(self, call: Call) -> None:
        """The call has ended."""
        self._calls.pop(call.serial, None)

    def drain(self) -> list[Call]:
        """Every call still open, oldest first; none is watched any more."""
        with self._lock:
            calls = list(self._calls.values())
            self._calls.clear()
            return calls

    def _look(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now < self._look_at:
                return  # an earlier look has seen to it, and planned the next
            calls = list(self._calls.values())
            soonest = min((call.deadline for call in calls if call.deadline > now), default=math.inf)
            self._look_at = math.inf
            look_at = self._plan(max(soonest, now + GRAIN_S)) if soonest < math.inf else None
        if look_at is not None:
            self._mailbox.cast_at(look_at, self._look)
        for call in calls:
            if call.deadline <= now:
                self.discard(call)
                self._on_due(call)

    def _plan(self, at: float) -> float:
        self._look_at = min(at, time.monotonic() + LONGEST_S)
        return self._look_at
