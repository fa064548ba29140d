"""Threads: a fixed number of them that take calls from one queue, oldest first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

__all__ = ["CallThreads"]

T = TypeVar("T")


class CallThreads(Generic[T]):
    """Long-lived threads that run `serve` on whatever is submitted. They end with the process: a call that is stuck
    in a C function would never let its thread be joined.
    """

    def __init__(self, count: int, serve: Callable[[T], None]) -> None:
        self.count = count
        self._serve = serve
        self._queue: SimpleQueue[T] = SimpleQueue()
        for number in range(count):
            threading.Thread(target=self._work, name=f"dspash-call-{number}", daemon=True).start()

    def __repr__(self) -> str:
        return f"<CallThreads count={self.count} waiting={self.waiting}>"

    @property
    def waiting(self) -> int:
        """How many were submitted and not taken yet, roughly."""
        return self._queue.qsize()

    def submit(self, item: T) -> None:
        """Append to the queue; never waits."""
        self._queue.put(item)

    def _work(self) -> None:
        while True:
            self._serve(self._queue.get())
