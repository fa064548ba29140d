"""Candidate: a program that an optimizer tried, and how it was judged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

__all__ = ["Candidate", "ancestry_of", "best_of", "candidates_of"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """`score` goes from 0 to 1 and is the mean over `examples`, None where their number is not known.

    `best_yet` is the best score until then, of those judged by as many examples or more: one of a minibatch never beats
    one of the whole set. `parents` are the indices of those it was made from, none being the program as it was.
    """

    index: int
    score: float
    best_yet: float
    examples: int | None = None
    parents: tuple[int, ...] = ()


def candidates_of(trials: Sequence[Mapping[str, Any]]) -> tuple[Candidate, ...]:
    """The candidates in the order in which they were tried, each once; what has no index or score is left out.

    `trials` are as a run tells them, in any order: a worker's word, so nothing in them is taken for granted.
    """
    scored = {
        index: (trial, score)
        for trial in trials
        if not trial.get("final")  # the result, judged again: one of the others
        and (index := _count_in(trial.get("index"))) is not None
        and (score := _number_in(trial.get("score"))) is not None
    }
    found: list[Candidate] = []
    best = (0, -math.inf)  # how many examples, what score
    for index, (trial, score) in sorted(scored.items()):
        examples = _count_in(trial.get("examples"))
        best = max(best, (examples or 0, score))
        found.append(Candidate(index, score, best[1], examples, _parents_in(trial.get("parents"))))
    return tuple(found)


def best_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """The best, the earlier of equals; a score of more examples goes before one of fewer."""
    return max(candidates, key=lambda each: (each.examples or 0, each.score, -each.index), default=None)


def ancestry_of(candidate: Candidate, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """`candidate`, its first parent, that one's first parent and so on, for as long as each is older than the last."""
    known = {each.index: each for each in candidates}
    line = [candidate]
    while line[-1].parents and line[-1].parents[0] < line[-1].index and line[-1].parents[0] in known:
        line.append(known[line[-1].parents[0]])
    return tuple(line)


def _parents_in(raw: object) -> tuple[int, ...]:
    given = cast("list[object]", raw) if isinstance(raw, list) else []
    return tuple(index for each in given if (index := _count_in(each)) is not None)


def _count_in(raw: object) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0 else None


def _number_in(raw: object) -> float | None:
    if not isinstance(raw, int | float) or isinstance(raw, bool):
        return None
    return float(raw) if math.isfinite(raw) else None
