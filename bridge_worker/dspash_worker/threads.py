"""Threads: a fixed number of them that take calls from one queue, oldest first."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["CallThreads"]

T = TypeVar("T")


class CallThreads(Generic[T]):
    """Long-lived threads that run `serve`, which raises nothing, on whatever is submitted.

    The thread that was busy last is woken first: its caches are warm, and it is often still awake. One call after the
    other costs 20 to 30 % less than with a SimpleQueue, which wakes eight threads in turns.

    The threads end with the process: one that is stuck in a C function could never be joined.
    """

    def __init__(self, count: int, serve: Callable[[T], None]) -> None:
        self.count = count
        self._serve = serve
        self._lock = threading.Lock()
        self._waiting: deque[T] = deque()  # empty while a thread is idle
        self._idle: list[_Idle[T]] = []
        for number in range(count):
            threading.Thread(target=self._work, name=f"dspash-call-{number}", daemon=True).start()

    def __repr__(self) -> str:
        return f"<CallThreads count={self.count} idle={len(self._idle)} waiting={len(self._waiting)}>"

    def submit(self, item: T) -> None:
        """Give an item to an idle thread, or append it to the queue. Never waits."""
        with self._lock:
            if not self._idle:
                self._waiting.append(item)
                return
            idle = self._idle.pop()
        idle.give(item)

    def _work(self) -> None:
        idle: _Idle[T] = _Idle()
        while True:
            with self._lock:
                item = self._waiting.popleft() if self._waiting else None
                if item is None:
                    self._idle.append(idle)
            self._serve(idle.take() if item is None else item)
            del item  # it is done, and need not be kept until the next one


class _Idle(Generic[T]):
    """One thread's wait for one item."""

    __slots__ = ("_given", "_items")

    def __init__(self) -> None:
        self._given = threading.Lock()
        self._given.acquire()
        self._items: list[T] = []  # the one given and not taken yet

    def give(self, item: T) -> None:
        """Hand over an item, once for each `take`."""
        self._items.append(item)
        self._given.release()

    def take(self) -> T:
        """Wait for the item."""
        self._given.acquire()
        return self._items.pop()
