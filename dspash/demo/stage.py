"""Stage: one step of a run, with how far it has come and what it has cost."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Stage"]


class Stage:
    """Written by the run, read by a display on another thread; times in seconds, scores from 0 to 1.

    `count_calls` tells how many LM calls there have been in all: the stage's own are those since its start.
    """

    def __init__(
        self, title: str, count_calls: Callable[[], int], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.title = title
        self.done = 0
        self.total: int | None = None
        self.score: float | None = None
        self._count_calls = count_calls
        self._clock = clock
        self._calls_before = count_calls()
        self._started_at = clock()
        self._cost: tuple[int, float] | None = None

    def __repr__(self) -> str:
        return f"<Stage {self.title!r} {self.done}/{self.total} score={self.score}>"

    def advance(self, done: int, total: int, score: float | None = None) -> None:
        """Say that `done` of `total` are behind us, and what their score is."""
        self.done, self.total = done, total
        if score is not None:
            self.score = score

    def end(self) -> None:
        """Stop counting."""
        self._cost = (self.lm_calls, self.elapsed_s)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._cost is not None

    @property
    def lm_calls(self) -> int:
        """LM calls so far, or in all once it has ended."""
        return self._count_calls() - self._calls_before if self._cost is None else self._cost[0]

    @property
    def elapsed_s(self) -> float:
        """How long it has taken so far, or in all once it has ended."""
        return self._clock() - self._started_at if self._cost is None else self._cost[1]
