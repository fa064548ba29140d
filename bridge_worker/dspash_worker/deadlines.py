"""Deadlines: tells of every call whose time has come, by one timer for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dspash_protocol import Lookout
from dspash_worker.call import Call
from dspash_worker.timers import Timers

__all__ = ["Deadlines"]


class Deadlines:
    """The calls that have a deadline and have not ended. Thread-safe."""

    def __init__(
        self, timers: Timers, on_due: Callable[[Call], None], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._timers = timers
        self._on_due = on_due
        self._now = now
        self._lookout: Lookout[Call] = Lookout()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Deadlines calls={len(self)}>"

    def __len__(self) -> int:
        return len(self._lookout)

    def add(self, call: Call, due: float) -> None:
        """Watch `call` until it is discarded or `due`, on the monotonic clock."""
        now = self._now()
        with self._lock:
            look_at = self._lookout.add(call.id, call, due, now)
        self._look_after(look_at, now)

    def discard(self, call: Call) -> None:
        """The call has ended."""
        self._lookout.discard(call.id)

    def _look(self) -> None:
        now = self._now()
        with self._lock:
            found = self._lookout.look(now)
        self._look_after(found.next_at, now)
        for call in found.due:
            self._on_due(call)

    def _look_after(self, look_at: float | None, now: float) -> None:
        if look_at is not None:
            self._timers.after(max(0.0, look_at - now), self._look)
