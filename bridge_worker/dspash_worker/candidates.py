"""Candidates: the programs that an optimizer has tried, in their order, and the best of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["Candidates"]


class Candidates:
    """Tells of each candidate that is scored; of one that is the best yet with its state. Thread-safe.

    A score of more examples goes before one of fewer, whatever they are: what did well on a few may do badly on all.
    """

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._best: tuple[int, float] | None = None
        self._is_over = False
        self.scores: list[float] = []

    def __len__(self) -> int:
        return len(self.scores)

    def add(
        self,
        score: float,
        *,
        examples: int,
        state: Callable[[], Mapping[str, Any]],
        parents: Sequence[int] | None = None,
    ) -> int:
        """Tell of a candidate, and return its index; `score` goes from 0 to 1, and is that of `examples` examples.

        `state` is asked for what the program has learned if it is the best yet. `parents` are the indices of those it was
        made from; None where the optimizer does not say.
        """
        with self._lock:
            index = len(self.scores)
            if self._is_over:
                return index
            self.scores.append(score)
            leads = self._best is None or (examples, score) > self._best
            if leads:
                self._best = (examples, score)
            told: dict[str, Any] = {"kind": "candidate", "index": index, "score": score}
            told |= {"best": self._best[1] if self._best else score, "examples": examples}
            if parents is not None:
                told["parents"] = list(parents)
            if leads:
                told["state"] = state()
            self._tell(told)  # in the lock: whoever hears of a better one has heard of all before it
        return index

    def end(self) -> None:
        """Tell of none any more."""
        self._is_over = True

    def finish(self, score: float, *, examples: int) -> None:
        """Tell of the optimizer's result, which has been judged again; the answer will have its state."""
        with self._lock:
            told = {"index": len(self.scores), "score": score, "best": score, "examples": examples}
            self.scores.append(score)
            self._tell({"kind": "candidate", **told, "final": True})
