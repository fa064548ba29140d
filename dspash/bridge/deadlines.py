"""Deadlines: ends every call whose time has come, by one timer for all of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from dspash.bridge.call import Call
from dspash.bridge.mailbox import Mailbox

__all__ = ["Deadlines"]


class Deadlines:
    """All calls that have not ended. Adding one costs a comparison, unless it is the next to be due.

    A timer a call would be a hundred thousand timers under load, nearly all for calls that ended long before.
    """

    def __init__(self, mailbox: Mailbox, on_due: Callable[[Call], None]) -> None:
        self._mailbox = mailbox
        self._on_due = on_due
        self._calls: dict[int, Call] = {}
        self._next_at = math.inf
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """Watch `call` until it ends or is due."""
        with self._lock:
            self._calls[call.serial] = call
            if call.deadline >= self._next_at:
                return
            self._next_at = call.deadline
        self._mailbox.cast_at(call.deadline, self._check)

    def discard(self, call: Call) -> None:
        """The call has ended."""
        self._calls.pop(call.serial, None)

    def drain(self) -> list[Call]:
        """Every call still open, oldest first; none is watched any more."""
        with self._lock:
            calls = list(self._calls.values())
            self._calls.clear()
            return calls

    def _check(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now < self._next_at:
                return  # an earlier check has seen to it
            calls = list(self._calls.values())
            self._next_at = min((call.deadline for call in calls if call.deadline > now), default=math.inf)
            next_at = self._next_at
        for call in calls:
            if call.deadline <= now:
                self._on_due(call)
        if next_at < math.inf:
            self._mailbox.cast_at(next_at, self._check)
