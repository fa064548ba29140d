"""Spinning: whether to look again for a moment before sleeping, judged by what that was good for lately."""

from __future__ import annotations

from typing import Final

__all__ = ["Spinning"]

MOST_LOSSES: Final = 3  # in a row that count: after these, one wait in 2 ** 3 is tried


class Spinning:
    """Advice for one thread that waits for its peer again and again.

    Looking again spares a wake-up when the answer comes at once, and is a waste when it does not. So each attempt that was
    in vain doubles the number of waits that are not tried, and one that paid off begins anew.

    Whoever looks gives way between two looks (`sched_yield`): the peer may be waiting for this very CPU, where there is
    only one or the kernel packs what runs onto few.
    """

    def __init__(self) -> None:
        self._losses = 0
        self._sit_out = 0

    def __repr__(self) -> str:
        return f"<Spinning losses={self._losses} sit_out={self._sit_out}>"

    def is_due(self) -> bool:
        """Whether to try at this wait."""
        if self._sit_out == 0:
            return True
        self._sit_out -= 1
        return False

    def tell(self, *, paid_off: bool) -> None:
        """Say what the attempt was good for."""
        self._losses = 0 if paid_off else min(self._losses + 1, MOST_LOSSES)
        self._sit_out = 2**self._losses - 1
