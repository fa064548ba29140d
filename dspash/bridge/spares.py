"""Spares: workers that are ready before a call wants one. It decides and remembers; it starts and ends nothing."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from dspash.bridge.demand import Demand

__all__ = ["Spares"]

BIRTHS_AT_ONCE: Final = 4  # more only share the processors, and calls are to have some of them

K = TypeVar("K", bound=Hashable)
W = TypeVar("W")
C = TypeVar("C")


@dataclass(slots=True)
class _Shelf(Generic[W, C]):
    """One kind of worker: those that are ready, how many are on the way, and who waits for one."""

    ready: deque[W] = field(default_factory=deque[W])
    coming: int = 0
    waiting: deque[C] = field(default_factory=deque[C])
    demand: Demand = field(default_factory=Demand)


class Spares(Generic[K, W, C]):
    """Ready workers by kind, and the claims that wait for one. Each worker is handed out once. Thread-safe.

    How many are kept ready follows from the demand: what arrives while a birth takes place, at most `most` of a kind and
    twice that of all kinds together.
    """

    def __init__(self, *, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._shelves: dict[K, _Shelf[W, C]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Spares kinds={len(self._shelves)} ready={self.ready}>"

    @property
    def ready(self) -> int:
        """How many are ready, of all kinds."""
        return sum(len(shelf.ready) for shelf in list(self._shelves.values()))

    @property
    def coming(self) -> int:
        """How many are on the way."""
        return sum(shelf.coming for shelf in list(self._shelves.values()))

    def is_awaited(self, kind: K) -> bool:
        """Whether somebody waits for one of this kind."""
        shelf = self._shelves.get(kind)
        return shelf is not None and bool(shelf.waiting)

    def expect(self, kind: K) -> None:
        """Calls for this kind will come."""
        with self._lock:
            self._shelves.setdefault(kind, _Shelf()).demand.arrive(self._clock())

    def claim(self, kind: K, claimant: C) -> W | None:
        """A ready worker; None when the claimant was put in line instead."""
        with self._lock:
            shelf = self._shelves.setdefault(kind, _Shelf())
            shelf.demand.arrive(self._clock())
            if shelf.ready:
                return shelf.ready.popleft()
            shelf.waiting.append(claimant)
            return None

    def withdraw(self, kind: K, claimant: C) -> bool:
        """Take a claimant out of the line; whether it was there."""
        with self._lock:
            shelf = self._shelves.get(kind)
            if shelf is None or claimant not in shelf.waiting:
                return False
            shelf.waiting.remove(claimant)
            return True

    def restock(self) -> list[K]:
        """The kinds of which to start a worker now, once for each; they count as being on the way.

        Those that somebody waits for come first.
        """
        with self._lock:
            now = self._clock()
            room = max(0, 2 * self._most - sum(len(shelf.ready) for shelf in self._shelves.values()))
            births = BIRTHS_AT_ONCE - sum(shelf.coming for shelf in self._shelves.values())
            found: list[K] = []
            for kind, shelf in self._shelves.items():
                due = max(0, min(len(shelf.waiting) - shelf.coming, births - len(found)))
                shelf.coming += due
                found += [kind] * due
            for kind, shelf in self._shelves.items():
                short = shelf.demand.target(now, self._most) - len(shelf.ready) - shelf.coming
                due = max(0, min(short + len(shelf.waiting), room, births - len(found)))
                shelf.coming += due
                room -= due
                found += [kind] * due
            return found

    def arrived(self, kind: K, worker: W, birth_s: float) -> C | None:
        """A worker is ready: the claimant that it goes to; None when it was put on the shelf."""
        with self._lock:
            shelf = self._shelves.setdefault(kind, _Shelf())
            shelf.coming = max(0, shelf.coming - 1)
            shelf.demand.born(birth_s)
            if shelf.waiting:
                return shelf.waiting.popleft()
            shelf.ready.append(worker)
            return None

    def returned(self, kind: K, worker: W) -> C | None:
        """A worker that was handed out was not used: the claimant that it goes to now; None as for arrived."""
        with self._lock:
            shelf = self._shelves.setdefault(kind, _Shelf())
            if shelf.waiting:
                return shelf.waiting.popleft()
            shelf.ready.append(worker)
            return None

    def lost_on_the_way(self, kind: K) -> None:
        """A worker on the way will not come, but another may: whoever waits goes on waiting."""
        with self._lock:
            shelf = self._shelves.setdefault(kind, _Shelf())
            shelf.coming = max(0, shelf.coming - 1)

    def stillborn(self, kind: K) -> C | None:
        """A worker on the way will not come: the claimant who hears of it, if any waits."""
        with self._lock:
            shelf = self._shelves.setdefault(kind, _Shelf())
            shelf.coming = max(0, shelf.coming - 1)
            return shelf.waiting.popleft() if shelf.waiting else None

    def lost(self, kind: K, worker: W) -> bool:
        """A worker has died; whether it was on the shelf."""
        with self._lock:
            shelf = self._shelves.get(kind)
            if shelf is None or worker not in shelf.ready:
                return False
            shelf.ready.remove(worker)
            return True

    def surplus(self) -> list[W]:
        """Workers that are kept for nothing by now; they are on no shelf any more."""
        with self._lock:
            now = self._clock()
            found: list[W] = []
            for kind, shelf in list(self._shelves.items()):
                target = shelf.demand.target(now, self._most)
                while len(shelf.ready) > target:
                    found.append(shelf.ready.popleft())
                if not target and not shelf.coming and not shelf.waiting:
                    del self._shelves[kind]
            return found

    def drain(self) -> tuple[list[W], list[C]]:
        """All that are ready and all who wait; neither are here any more."""
        with self._lock:
            shelves = list(self._shelves.values())
            self._shelves.clear()
        workers = [worker for shelf in shelves for worker in shelf.ready]
        return workers, [claimant for shelf in shelves for claimant in shelf.waiting]
