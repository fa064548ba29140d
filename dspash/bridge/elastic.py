"""Elastic: threads made as they are needed and kept for a while, so that no job ever waits for another to end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from loguru import logger

__all__ = ["ElasticThreads"]

IDLE_S: Final = 10.0  # how long a thread without work is kept


class ElasticThreads:
    """Runs each job at once, on an idle thread or a fresh one, up to `limit`.

    Jobs may wait for one another (a tool calls a program that calls a tool), so a fixed number of threads would
    deadlock. At the limit `start` says no, and the caller answers for it.
    """

    def __init__(self, name: str, *, limit: int = 512, idle_s: float = IDLE_S) -> None:
        self._name = name
        self._limit = limit
        self._idle_s = idle_s
        self._jobs: deque[Callable[[], None]] = deque()
        self._lock = threading.RLock()  # taken by itself, as in Channel
        self._changed = threading.Condition(self._lock)
        self._idle = 0
        self._threads: set[threading.Thread] = set()
        self._open = True
        self._made = 0

    def __repr__(self) -> str:
        return f"<ElasticThreads {self._name} threads={len(self._threads)} idle={self._idle}>"

    def start(self, job: Callable[[], None], *, keep_free: int = 0) -> bool:
        """Run `job` on a thread of its own; False when there are too many, or after `close`.

        `keep_free` is how many threads are to be left for others.
        """
        with self._lock:
            busy = len(self._threads) - self._idle + len(self._jobs)
            if not self._open or self._limit - busy <= keep_free:
                return False
            if self._idle > len(self._jobs):
                self._jobs.append(job)
                self._changed.notify()
                return True
            if len(self._threads) >= self._limit:
                return False
            self._made += 1
            thread = threading.Thread(
                target=self._run, args=(job,), name=f"{self._name}-{self._made}", daemon=True
            )
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # the system allows no more threads
            with self._lock:
                self._threads.discard(thread)
            return False
        return True

    def close(self, *, timeout_s: float = 1.0) -> None:
        """End idle threads now and busy ones after their job; waits for them at most `timeout_s` in all."""
        with self._lock:
            self._open = False
            self._jobs.clear()
            self._changed.notify_all()
            threads = self._threads - {threading.current_thread()}
        until = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self, job: Callable[[], None] | None) -> None:
        try:
            while job is not None:
                self._do(job)
                job = self._next()
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException:  # noqa: BLE001 - the boundary of this thread; jobs answer for their own errors
            logger.exception("a job on {} failed", self._name)

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            self._idle += 1
            try:
                while not self._jobs:
                    if not self._open or not self._changed.wait(self._idle_s):
                        return self._jobs.popleft() if self._jobs else None
                return self._jobs.popleft()
            finally:
                self._idle -= 1
