"""Threads: so many of them that calls run side by side, and none waits for one that waits for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from dspash_worker.log import say

__all__ = ["CallThreads"]

MOST_LENT: Final = 512
"""Slots that calls which wait for the host may have lent out at once: a thread each, so there is an end to it."""

T = TypeVar("T")


class CallThreads(Generic[T]):
    """Threads that run `serve`, which raises nothing, on whatever is submitted: `count` items at a time.

    An item that waits for an answer of the host lends its slot to another: what it waits for may be a tool that has
    called this very worker, and would then wait for a thread that its ancestor holds. Items that get their answer go
    on at once, so that for a while more than `count` may run.

    The thread that was busy last is given the next item: its caches are warm, and it is often still awake. For a while it
    may fetch that item itself: `idle` is called with what tells whether one was given, and returns soon after that.

    The threads end with the process: one that is stuck in a C function could never be joined. Those beyond `count` end
    when there is nothing for them to do.
    """

    def __init__(
        self,
        count: int,
        serve: Callable[[T], None],
        *,
        idle: Callable[[Callable[[], object]], None] | None = None,
    ) -> None:
        self.count = count
        self._serve = serve
        self._while_idle = idle
        self._lock = threading.Lock()
        self._waiting: deque[T] = deque()
        self._idle: list[_Idle[T]] = []
        self._running = 0  # items being served
        self._lent = 0  # of these, those that wait for the host
        self._made = 0

    def __repr__(self) -> str:
        return f"<CallThreads count={self.count} running={self._running} lent={self._lent} waiting={len(self._waiting)}>"

    def submit(self, item: T) -> None:
        """Have an item served, or append it to the queue. Never waits."""
        with self._lock:
            self._waiting.append(item)
            self._begin_what_may()

    def lend(self) -> None:
        """An item that is being served begins to wait for the host: another may run meanwhile."""
        with self._lock:
            self._lent += 1
            self._begin_what_may()

    def take_back(self) -> None:
        """It goes on."""
        with self._lock:
            self._lent -= 1

    # --- under the lock ---

    def _has_slot(self) -> bool:
        return self._running - min(self._lent, MOST_LENT) < self.count

    def _begin_what_may(self) -> None:
        while self._waiting and self._has_slot():
            item = self._waiting.popleft()
            if self._idle:
                self._idle.pop().give(item)
            elif not self._start_thread(item):
                self._waiting.appendleft(item)  # for the next thread that becomes free
                return
            self._running += 1

    def _start_thread(self, item: T) -> bool:
        self._made += 1
        thread = threading.Thread(
            target=self._work, args=(item,), name=f"dspash-call-{self._made - 1}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            say(f"no more threads can be started: {error}")
            return False
        return True

    # --- on a thread ---

    def _work(self, first: T) -> None:
        idle: _Idle[T] = _Idle()
        self._serve(first)
        del first  # it is done, and need not be kept
        item: T | None
        while True:
            item = None
            with self._lock:
                self._running -= 1
                if self._waiting and self._has_slot():
                    item = self._waiting.popleft()
                    self._running += 1
                elif len(self._idle) < self.count:
                    self._idle.append(idle)
                else:
                    return
            if item is None:
                if self._while_idle is not None:
                    self._while_idle(idle.waiting)
                item = idle.take()
            self._serve(item)


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

    def waiting(self) -> int:
        """How many items were given and not taken, which is one at most."""
        return len(self._items)

    def take(self) -> T:
        """Wait for the item."""
        self._given.acquire()
        return self._items.pop()
