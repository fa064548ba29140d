"""Timers: one thread that calls back when something is due: deadlines, repeated cancellation, the end of a drain."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import traceback
from collections.abc import Callable

from dspash_worker.log import say

__all__ = ["Timers"]


class Timers:
    """What is to be called in one worker, and the daemon thread that does it, which begins with the first."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Timers waiting={len(self._heap)}>"

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call `callback` once in the timer thread, `seconds` from now. It must not wait for anything."""
        entry = (self._now() + seconds, next(self._numbers), callback)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="dspash-timers", daemon=True)
                self._thread.start()
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:
                self._changed.notify()

    def _serve(self) -> None:
        while True:
            callback = self._next()
            try:
                callback()
            except Exception:  # noqa: BLE001 - one callback's defect must not stop all other deadlines
                say(f"a timer failed\n{traceback.format_exc()}")

    def _next(self) -> Callable[[], None]:
        with self._changed:
            while True:
                wait_s = self._heap[0][0] - self._now() if self._heap else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(wait_s)
