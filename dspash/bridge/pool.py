"""Pool: which worker takes which call. It decides and remembers; it never sends, waits for a worker or ends a call."""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from dspash.bridge.call import Call, Standing
from dspash.errors import OverloadedError

__all__ = ["Pool", "Slots"]


class Slots(Protocol):
    """What the pool needs to know of a worker; `busy` belongs to the pool."""

    child_id: str
    busy: int


W = TypeVar("W", bound=Slots)


class Pool(Generic[W]):
    """Ready workers and waiting calls.

    A call goes to the least busy worker that has a free slot, or, when it has a sticky key, to the one worker of that
    key. Otherwise it waits, first come first served, while fewer than `max_queue` do.
    """

    def __init__(self, *, concurrency: int, max_queue: int) -> None:
        self.concurrency = concurrency
        self.max_queue = max_queue
        self._aside_limit = concurrency + max_queue
        self._children: list[str] = []
        self._ready: dict[str, W] = {}
        self._waiting: deque[Call] = deque()
        self._lock = threading.Lock()
        self._place = threading.Condition(self._lock)

    def __repr__(self) -> str:
        return f"<Pool ready={len(self._ready)} waiting={len(self._waiting)}>"

    @property
    def queued(self) -> int:
        """How many calls wait for a slot."""
        return len(self._waiting)

    def expect(self, child_ids: Iterable[str]) -> None:
        """Name the children, ready or not: sticky keys are spread over these."""
        with self._lock:
            self._children = sorted(child_ids)

    def admit(self, call: Call) -> W | None:
        """The worker to send `call` to now, a slot of which is then its; None when it was queued.

        Raises OverloadedError when there is no place for it.
        """
        with self._lock:
            worker = self._choose(call)
            if worker is not None:
                worker.busy += 1
                return worker
            if not self._has_place(call):
                raise OverloadedError(queued=len(self._waiting), limit=self.max_queue)
            if call.standing is Standing.NESTED:
                self._waiting.appendleft(call)  # calls that hold slots wait for it
            else:
                self._waiting.append(call)
            return None

    def wait_for_place(self, call: Call) -> bool:
        """Stay until `admit` may take the call, or its deadline has come; whether it may."""
        with self._place:
            while not self._has_place(call):
                left_s = call.deadline - time.monotonic()
                if left_s <= 0 or not self._place.wait(left_s):
                    return self._has_place(call)
            return True

    def add(self, worker: W) -> None:
        """The worker is ready. Ask `next_for` what waits for it."""
        with self._lock:
            self._ready[worker.child_id] = worker

    def remove(self, worker: W) -> None:
        """The worker takes no more calls; those it has go on."""
        with self._lock:
            if self._ready.get(worker.child_id) is worker:
                del self._ready[worker.child_id]

    def release(self, worker: W) -> bool:
        """One of the worker's calls has ended, as far as the worker is concerned; whether others wait."""
        with self._lock:
            worker.busy -= 1
            if worker.busy == self._aside_limit // 2:
                self._place.notify_all()
            return bool(self._waiting)

    def next_for(self, worker: W) -> Call | None:
        """The call that is first in line for `worker`, which has then taken a slot; None when there is none."""
        with self._lock:
            if self._ready.get(worker.child_id) is not worker:
                return None
            for index, call in enumerate(self._waiting):
                if call.standing is Standing.ORDINARY and worker.busy >= self.concurrency:
                    return None  # what needs no slot waits before those that do
                if not call.has_ended and self._is_at_home(worker, call):
                    del self._waiting[index]
                    worker.busy += 1
                    self._call_for_more()
                    return call
            return None

    def forget(self, call: Call) -> bool:
        """Take a call out of the queue; whether it was there."""
        with self._lock:
            try:
                self._waiting.remove(call)
            except ValueError:
                return False
            self._call_for_more()
            return True

    def put_back(self, call: Call, worker: W) -> None:
        """A call could not be sent after all: it is first in line again, and the slot is free."""
        with self._lock:
            worker.busy -= 1
            self._waiting.appendleft(call)

    def drain(self) -> list[Call]:
        """Take every waiting call out, and let those who wait for a place go on."""
        with self._lock:
            calls = list(self._waiting)
            self._waiting.clear()
            self._place.notify_all()
            return calls

    def _call_for_more(self) -> None:
        """Wake those who wait for a place once half of them are free: one at a time, threads would swap at each call."""
        if len(self._waiting) <= self.max_queue // 2:
            self._place.notify_all()

    def _choose(self, call: Call) -> W | None:
        if call.options.sticky is not None:
            worker = self._ready.get(self._home_of(call.options.sticky))
            return worker if worker is not None and self._has_room(worker, call) else None
        idlest: W | None = None
        for worker in self._ready.values():
            if idlest is None or worker.busy < idlest.busy:
                idlest = worker
        return idlest if idlest is not None and self._has_room(idlest, call) else None

    def _has_place(self, call: Call) -> bool:
        """Whether the call may wait here, or, being one that needs no slot, be sent."""
        if call.standing is Standing.ASIDE and self._ready:
            return any(worker.busy < self._aside_limit for worker in self._ready.values())
        return len(self._waiting) < self.max_queue

    def _is_at_home(self, worker: W, call: Call) -> bool:
        return call.options.sticky is None or self._home_of(call.options.sticky) == worker.child_id

    def _has_room(self, worker: W, call: Call) -> bool:
        match call.standing:
            case Standing.ORDINARY:
                return worker.busy < self.concurrency
            case Standing.ASIDE:
                return worker.busy < self._aside_limit
            case Standing.NESTED:
                return True

    def _home_of(self, key: str) -> str:
        """Rendezvous hashing: a key keeps its child when others come or go."""
        return max(self._children, key=lambda child_id: zlib.crc32(f"{child_id}\0{key}".encode()))
