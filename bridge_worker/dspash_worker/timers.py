"""Timers: one thread that calls back when something is due: deadlines, repeated cancellation, the end of a drain."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import traceback
from collections.abc import Callable
from typing import Final

from dspash_worker.log import say

__all__ = ["Timer", "Timers"]

_WORTH_SWEEPING: Final = 512
"""Stopped timers are swept out once they are this many and the majority: most deadlines never come due."""


class Timer:
    """Something to be called once, unless stopped before."""

    __slots__ = ("_callback", "_timers", "due")

    def __init__(self, due: float, callback: Callable[[], None], timers: Timers) -> None:
        self.due = due
        self._callback: Callable[[], None] | None = callback
        self._timers = timers

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, or has been called."""
        return self._callback is None

    def stop(self) -> None:
        """Forget the callback, unless it is being called already. From any thread."""
        if self._callback is not None:
            self._callback = None
            self._timers.sweep()

    def fire(self) -> None:
        """Call back, in the calling thread, unless stopped."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Timers:
    """The timers of one worker and the daemon thread that serves them, which begins with the first."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._stopped = 0
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Timers waiting={len(self._heap) - self._stopped}>"

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in the timer thread `seconds` from now. It must not wait for anything."""
        timer = Timer(self._now() + seconds, callback, self)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="dspash-timers", daemon=True)
                self._thread.start()
            heapq.heappush(self._heap, (timer.due, next(self._numbers), timer))
            if self._heap[0][2] is timer:
                self._changed.notify()
        return timer

    def sweep(self) -> None:
        """One more timer was stopped: drop the stopped ones when they have become many."""
        with self._changed:
            self._stopped += 1
            if self._stopped > _WORTH_SWEEPING and self._stopped * 2 > len(self._heap):
                self._heap = [entry for entry in self._heap if not entry[2].stopped]
                heapq.heapify(self._heap)
                self._stopped = 0

    def _serve(self) -> None:
        while True:
            timer = self._next()
            try:
                timer.fire()
            except Exception:  # noqa: BLE001 - one callback's defect must not stop all other deadlines
                say(f"a timer failed\n{traceback.format_exc()}")

    def _next(self) -> Timer:
        with self._changed:
            while True:
                wait_s = self._heap[0][0] - self._now() if self._heap else None
                if wait_s is not None and wait_s <= 0:
                    timer = heapq.heappop(self._heap)[2]
                    if not timer.stopped:
                        return timer
                    self._stopped -= 1
                    continue
                self._changed.wait(wait_s)
