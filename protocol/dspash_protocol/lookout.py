"""Lookout: what is watched until it is due, and when to look next, so that one timer does for all of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

__all__ = ["Look", "Lookout"]

GRAIN_S: Final = 0.001  # between looks, so that a thousand calls that end one by one cost a look or two
LONGEST_S: Final = 60.0  # to the next look, so that no timer outlives what it was set for by more

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """What a look found: what is due, the longest first, and when to look again; None where a look is planned, or needless."""

    due: tuple[T, ...]
    next_at: float | None


class Lookout(Generic[T]):
    """What has a deadline and has not ended. Adding costs a comparison, unless it is the next to be due.

    A timer for each would be set and stopped at every call, though hardly any call is ever due. All times are of one
    monotonic clock, in seconds. `discard` and `__len__` may be called from any thread, beside anything; the rest is for
    whoever holds the owner's lock.
    """

    def __init__(self) -> None:
        self._watched: dict[int, tuple[int, float, T]] = {}
        self._look_at = math.inf  # when the next look is planned

    def __repr__(self) -> str:
        return f"<Lookout watched={len(self._watched)}>"

    def __len__(self) -> int:
        return len(self._watched)

    def watched(self) -> list[T]:
        """All that is watched, oldest first."""
        # Copied in one step that nothing comes between: making pairs of keys and values would be many.
        return [item for _, _, item in list(self._watched.values())]

    def add(self, key: int, item: T, due: float, now: float) -> float | None:
        """Watch `item` until it is discarded or `due`. Returns when to look, where that is before what is planned."""
        self._watched[key] = (key, due, item)
        return self._plan(due, now) if due < self._look_at else None

    def discard(self, key: int) -> None:
        """It has ended."""
        self._watched.pop(key, None)

    def clear(self) -> None:
        """Nothing is watched any more."""
        self._watched.clear()

    def look(self, now: float) -> Look[T]:
        """What is due is watched no longer. A look before its time, which a later plan has overtaken, finds nothing."""
        if now < self._look_at:
            return Look((), None)
        watched = list(self._watched.values())
        soonest = min((due for _, due, _ in watched if due > now), default=math.inf)
        self._look_at = math.inf
        next_at = self._plan(max(soonest, now + GRAIN_S), now) if soonest < math.inf else None
        found = sorted(((due, key, item) for key, due, item in watched if due <= now), key=lambda one: one[0])
        for _, key, _ in found:
            self.discard(key)
        return Look(tuple(item for _, _, item in found), next_at)

    def _plan(self, at: float, now: float) -> float:
        self._look_at = min(at, now + LONGEST_S)
        return self._look_at
