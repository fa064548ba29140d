"""Pool: which worker takes which call. It decides and remembers; it never sends, waits for a worker or ends a call."""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Iterable
from typing import Final, Generic, Protocol, TypeVar

from dspash.bridge.call import Call, Standing
from dspash.errors import OverloadedError

__all__ = ["Pool", "Slots"]


_ORDINARY: Final = Standing.ORDINARY  # looked up once: each access costs as much as the comparison


class Slots(Protocol):
    """What the pool needs to know of a worker; `busy` belongs to the pool."""

    child_id: str
    busy: int


W = TypeVar("W", bound=Slots)


class Pool(Generic[W]):
    """Ready workers and waiting calls.

    A call goes to the least busy worker that has room for it, or, when it has a sticky key, to the one worker of that
    key. Otherwise it waits, first come first served, while fewer than `max_queue` do. Calls that need no slot wait in
    a line of their own, before all others.
    """

    def __init__(self, *, concurrency: int, max_queue: int) -> None:
        self.concurrency = concurrency
        self.max_queue = max_queue
        self._aside_limit = concurrency + max_queue
        self._children: list[str] = []
        self._ready: dict[str, W] = {}
        self._waiting: deque[Call] = deque()
        self._slotless: deque[Call] = deque()  # waiting calls that need no slot
        self._lock = threading.Lock()  # taken by itself, as in Channel
        self._place = threading.Condition(self._lock)
        self._wanting_place = 0  # threads in wait_for_place
        self._closed = False

    def __repr__(self) -> str:
        return f"<Pool ready={len(self._ready)} waiting={self.queued}>"

    @property
    def queued(self) -> int:
        """How many calls wait."""
        return len(self._waiting) + len(self._slotless)

    def expect(self, child_ids: Iterable[str]) -> None:
        """Name the children, ready or not: sticky keys are spread over these."""
        with self._lock:
            self._children = sorted(child_ids)

    # --- calls that come ---

    def admit(self, call: Call) -> W | None:
        """The worker to send `call` to now, a slot of which is then its; None when it was queued.

        Raises OverloadedError when there is no place for it.
        """
        with self._lock:
            worker = self._choose(call)
            if worker is not None:
                worker.busy += 1
            elif self._may_wait(call):
                self._line_of(call).append(call)
            else:
                raise OverloadedError(queued=self.queued, limit=self.max_queue)
            return worker

    def wait_for_place(self, call: Call) -> bool:
        """Stay until `admit` may take the call, or its deadline has come; whether it may."""
        with self._lock:
            self._wanting_place += 1
            try:
                while not self._closed and self._choose(call) is None and not self._may_wait(call):
                    left_s = call.remaining_s()
                    if left_s <= 0:
                        return False
                    self._place.wait(min(left_s, threading.TIMEOUT_MAX))
            finally:
                self._wanting_place -= 1
            return True

    # --- workers that come and go, and slots that become free ---

    def add(self, worker: W) -> None:
        """The worker is ready. Ask `next_for` what waits for it."""
        with self._lock:
            self._ready[worker.child_id] = worker
            self._place.notify_all()

    def remove(self, worker: W) -> None:
        """The worker takes no more calls; those it has go on."""
        with self._lock:
            if self._ready.get(worker.child_id) is worker:
                del self._ready[worker.child_id]

    def release(self, worker: W) -> Call | None:
        """One of the worker's calls has ended, as far as the worker is concerned. The answer is as next_for's."""
        with self._lock:
            worker.busy -= 1
            if self._wanting_place:
                self._call_for_more(worker)
            return self._take_first(worker) if self._waiting or self._slotless else None

    def next_for(self, worker: W) -> Call | None:
        """The call that is first in line for `worker`, which has then taken a slot; None when there is none."""
        with self._lock:
            return self._take_first(worker)

    # --- calls that leave the line ---

    def forget(self, call: Call) -> bool:
        """Take a call out of the line; whether it was there."""
        with self._lock:
            try:
                self._line_of(call).remove(call)
            except ValueError:
                return False
            self._place.notify_all()
            return True

    def put_back(self, call: Call, worker: W) -> None:
        """A call could not be sent after all: it is first in line again, and the slot is free."""
        with self._lock:
            worker.busy -= 1
            self._line_of(call).appendleft(call)

    def close(self) -> None:
        """Empty the lines for good; those who wait for a place go on, and find that there is nobody to ask."""
        with self._lock:
            self._closed = True
            self._slotless.clear()
            self._waiting.clear()
            self._place.notify_all()

    # --- under the lock ---

    def _choose(self, call: Call) -> W | None:
        if call.options.sticky is not None:
            worker = self._ready.get(self._home_of(call.options.sticky))
            return worker if worker is not None and self._has_room(worker, call) else None
        idlest: W | None = None
        for worker in self._ready.values():
            if idlest is None or worker.busy < idlest.busy:
                idlest = worker
        return idlest if idlest is not None and self._has_room(idlest, call) else None

    def _take_first(self, worker: W) -> Call | None:
        if self._ready.get(worker.child_id) is not worker:
            return None
        for line in (self._slotless, self._waiting):
            for index, call in enumerate(line):
                if not self._has_room(worker, call):
                    break
                if self._is_at_home(worker, call):
                    del line[index]
                    worker.busy += 1
                    return call
        return None

    def _call_for_more(self, worker: W) -> None:
        """Wake those who wait for a place once half of them are free: one at a time, threads would swap at each call."""
        if self.queued <= self.max_queue // 2 or worker.busy == self._aside_limit // 2:
            self._place.notify_all()

    def _line_of(self, call: Call) -> deque[Call]:
        return self._waiting if call.standing is _ORDINARY else self._slotless

    def _may_wait(self, call: Call) -> bool:
        # Calls that hold slots wait for it.
        return self.queued < self.max_queue or call.standing is Standing.NESTED

    def _is_at_home(self, worker: W, call: Call) -> bool:
        return call.options.sticky is None or self._home_of(call.options.sticky) == worker.child_id

    def _has_room(self, worker: W, call: Call) -> bool:
        if call.standing is _ORDINARY:
            return worker.busy < self.concurrency
        return call.standing is not Standing.ASIDE or worker.busy < self._aside_limit

    def _home_of(self, key: str) -> str:
        """Rendezvous hashing: a key keeps its child when others come or go."""
        return max(self._children, key=lambda child_id: zlib.crc32(f"{child_id}\0{key}".encode()))
