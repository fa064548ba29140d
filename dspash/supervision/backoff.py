"""Backoff: how long to wait before a child that crashed is started again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dspash.supervision.validation import require_duration

__all__ = ["Backoff"]

_DAY_S: Final = 86_400.0
_MOST_DOUBLINGS: Final = 1_000  # 2.0 ** 1024 overflows; every cap is reached long before


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter; the first restart is immediate.

    The n-th restart in a row, from the second on, waits for a random time between 0 and `base_s` x 2^(n-2)
    seconds, at most `cap_s`. Full jitter spreads children that crashed together better than any fixed share
    of randomness (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog). `cap_s` 0 turns
    waiting off.

    Raises ConfigurationError naming the field that is wrong.
    """

    base_s: float = 0.05
    cap_s: float = 10.0

    def __post_init__(self) -> None:
        require_duration("Backoff.base_s", self.base_s, most_s=_DAY_S)
        require_duration("Backoff.cap_s", self.cap_s, most_s=_DAY_S)

    def ceiling_s(self, crashes_in_a_row: int) -> float:
        """The longest wait after that many crashes in a row, this one included (so at least 1)."""
        if crashes_in_a_row <= 1:
            return 0.0
        doublings = min(crashes_in_a_row - 2, _MOST_DOUBLINGS)
        return min(self.cap_s, self.base_s * 2.0**doublings)

    def delay_s(self, crashes_in_a_row: int, random: Callable[[], float]) -> float:
        """A wait from 0 to the ceiling; `random` yields numbers evenly from [0, 1)."""
        return self.ceiling_s(crashes_in_a_row) * random()
