"""Intensity: how many restarts within which period a supervisor tolerates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dspash.supervision.validation import require_count, require_period

__all__ = ["Intensity"]


@dataclass(frozen=True, slots=True)
class Intensity:
    """At most `max_restarts` restarts, over all children of a supervisor, in any `period_s` seconds.

    The meaning is OTP's: the restart that would go over the limit is not made, and the supervisor gives up. A
    restart exactly `period_s` ago still counts. With `max_restarts` 0 the first crash is the end.

    Raises ConfigurationError naming the field that is wrong.
    """

    max_restarts: int = 3  # Elixir's Supervisor default, as is the period; OTP's own is 1
    period_s: float = 5.0

    def __post_init__(self) -> None:
        require_count("Intensity.max_restarts", self.max_restarts)
        require_period("Intensity.period_s", self.period_s)

    def recent(self, restarts_at_s: Iterable[float], now_s: float) -> int:
        """How many of the restarts happened within the period that ends now."""
        since_s = now_s - self.period_s
        return sum(at_s >= since_s for at_s in restarts_at_s)

    def forbids(self, restarts_at_s: Iterable[float], now_s: float) -> bool:
        """Whether one more restart now, after those, would be over the limit."""
        return self.recent(restarts_at_s, now_s) >= self.max_restarts
