"""Mailbox: one thread that does the jobs it is sent, and those it was asked to do later, one at a time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from loguru import logger

from dspash.bridge.call import delivering

__all__ = ["Job", "Mailbox"]

Job: TypeAlias = Callable[[], None]


class Mailbox:
    """The one thread that owns lifecycles. Jobs run in order; timed ones when due, in order of their time.

    Processes are spawned from this thread, which outlives them: the kernel ties a parent-death signal to the *thread*
    that forked.
    """

    def __init__(self, name: str) -> None:
        self._jobs: deque[Job] = deque()
        self._timed: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._lock = threading.RLock()  # taken by itself, as in Channel
        self._changed = threading.Condition(self._lock)
        self._open = True
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<Mailbox {self._thread.name} jobs={len(self._jobs)} timed={len(self._timed)}>"

    def cast(self, job: Job) -> None:
        """Do `job` as soon as those before it are done. Never waits; after `close` it does nothing."""
        with self._lock:
            if self._open:
                self._jobs.append(job)
                self._changed.notify()

    def cast_at(self, at: float, job: Job) -> None:
        """Do `job` at `at` on the monotonic clock, in seconds."""
        with self._lock:
            if self._open:
                heapq.heappush(self._timed, (at, next(self._order), job))
                if self._timed[0][2] is job:
                    self._changed.notify()

    def cast_after(self, after_s: float, job: Job) -> None:
        """Do `job` once `after_s` seconds have passed."""
        self.cast_at(time.monotonic() + after_s, job)

    def close(self) -> None:
        """Do the jobs already sent, drop the timed ones, and end the thread. Never waits."""
        with self._lock:
            self._open = False
            self._timed.clear()
            self._changed.notify()

    def join(self, timeout_s: float = 5.0) -> None:
        """Wait for the thread to end, after `close`; not on that thread."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        with delivering():  # calls that time out or lose their worker end here, and with them their callbacks
            while (job := self._next()) is not None:
                try:
                    job()
                except Exception:  # noqa: BLE001 - the boundary of this thread: one bad job must not end supervision
                    logger.exception("a supervision job failed")

    def _next(self) -> Job | None:
        with self._lock:
            while True:
                if self._jobs:
                    return self._jobs.popleft()
                wait_s: float | None = None
                if self._timed:
                    wait_s = self._timed[0][0] - time.monotonic()
                    if wait_s <= 0:
                        return heapq.heappop(self._timed)[2]
                elif not self._open:
                    return None
                self._changed.wait(None if wait_s is None else min(wait_s, threading.TIMEOUT_MAX))
