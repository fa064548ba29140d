"""Spinning: whether to look again for a moment before sleeping, judged by what that was good for lately."""

from __future__ import annotations

from typing import Final

__all__ = ["Spinning"]

MOST_LOSSES: Final = 3  # in a row that count: after these, one wait in 2 ** 3 is tried

ELSEWHERE_S: Final = 100e-6
"""A look takes a few µs. When the next one is so late, another has had this CPU in between."""


class Spinning:
    """Advice for one thread that waits for its peer again and again.

    Looking again spares a wake-up when the answer comes at once, and is a waste when it does not. It holds the answer up
    when both ends share one CPU, as they must where there is only one, and do where the kernel packs what runs onto few.
    So whoever looks gives way between two looks (`sched_yield`) and tells when it looks; and sleeps as soon as it is seen
    that another runs here. Each attempt that was in vain doubles the number of waits that are not tried; one that paid
    off begins anew.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._losses = 0
        self._sit_out = 0
        self._until = 0.0  # of the attempt that is being made
        self._looked_at = 0.0

    def __repr__(self) -> str:
        return f"<Spinning losses={self._losses} sit_out={self._sit_out}>"

    def begin(self, now: float) -> bool:
        """Whether to try at this wait, for `limit_s` at most; then `now`, in seconds, is when the first look is taken."""
        if self._sit_out:
            self._sit_out -= 1
            return False
        self._looked_at = now
        self._until = now + self._limit_s
        return True

    def goes_on(self, now: float) -> bool:
        """Whether to look once more, after one that found nothing."""
        late = now - self._looked_at >= ELSEWHERE_S
        self._looked_at = now
        return not late and now < self._until

    def end(self, *, paid_off: bool) -> None:
        """Say what the attempt was good for."""
        self._losses = 0 if paid_off else min(self._losses + 1, MOST_LOSSES)
        self._sit_out = 2**self._losses - 1
