"""Demand: how many ready workers of one kind are worth keeping."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["IDLE_S", "Demand"]

IDLE_S: Final = 60.0  # a kind that nobody asked for in this time is not kept ready any more
MEMORY_S: Final = 2.0  # an arrival this long ago counts 1/e of a fresh one
BIRTH_S: Final = 0.01  # until one was measured
_HEADROOM: Final = 2.0  # arrivals come in bunches, and births take turns


class Demand:
    """Arrivals, forgotten exponentially, and the time a birth takes. Knows no clock; not thread-safe."""

    def __init__(self) -> None:
        self._arrivals = 0.0
        self._at = -math.inf
        self._birth_s = BIRTH_S

    def __repr__(self) -> str:
        return f"<Demand arrivals={self._arrivals:.1f} birth={self._birth_s * 1000:.1f} ms>"

    def arrive(self, now: float) -> None:
        """A call wants such a worker."""
        self._arrivals = self._remembered(now) + 1.0
        self._at = now

    def born(self, birth_s: float) -> None:
        """A birth took so long, from the asking to its being ready."""
        self._birth_s += 0.2 * (birth_s - self._birth_s)

    def rate(self, now: float) -> float:
        """Arrivals a second, lately."""
        return self._remembered(now) / MEMORY_S

    def target(self, now: float, most: int) -> int:
        """How many should be ready: what arrives while they are replaced, and one; none after IDLE_S of quiet."""
        if now - self._at > IDLE_S:
            return 0
        return min(most, 1 + round(_HEADROOM * self.rate(now) * self._birth_s))

    def _remembered(self, now: float) -> float:
        return self._arrivals * math.exp((self._at - now) / MEMORY_S) if self._arrivals else 0.0
