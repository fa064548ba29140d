"""Occurrences: which of several equal calls of a run a call is, so that a repeated run finds its answers again."""

from __future__ import annotations

import heapq

__all__ = ["Occurrences"]


class _Numbers:
    """Those of one key in one run: all below `next` are taken, but for the free ones."""

    __slots__ = ("free", "next")

    def __init__(self) -> None:
        self.free: list[int] = []
        self.next = 0


class Occurrences:
    """Numbers the equal calls of every run, from 0. A number that brought no answer is used again.

    So a run that was told "too many requests" and asked once more has, when it is repeated, its answer where it asks
    first. Equal calls that are out at the same time may swap numbers: which is which does not matter, by definition.
    """

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, _Numbers]] = {}

    def __repr__(self) -> str:
        return f"<Occurrences in {len(self._runs)} runs>"

    def take(self, run: str, key: str) -> int:
        """The lowest number that no call of the run with this key has."""
        numbers = self._runs.setdefault(run, {}).setdefault(key, _Numbers())
        if numbers.free:
            return heapq.heappop(numbers.free)
        numbers.next += 1
        return numbers.next - 1

    def give_back(self, run: str, key: str, number: int) -> None:
        """The call that took this number got no answer."""
        numbers = self._runs.get(run, {}).get(key)
        if numbers is not None and number < numbers.next:
            heapq.heappush(numbers.free, number)

    def restart(self, run: str) -> None:
        """The run begins, or begins again: its calls count from 0."""
        self._runs.pop(run, None)
