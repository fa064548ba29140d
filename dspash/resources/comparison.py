"""Comparison: two lists of scores of the same examples, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Comparison", "compare_scores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How `after` did beside `before`: mean scores, and the places of examples that went better and worse."""

    before: float
    after: float
    difference: float
    better: tuple[int, ...]
    worse: tuple[int, ...]
    same: int

    def to_map(self) -> dict[str, Any]:
        """As data: JSON values only."""
        return {**asdict(self), "better": list(self.better), "worse": list(self.worse)}


def compare_scores(before: Mapping[int, float], after: Mapping[int, float]) -> Comparison:
    """Compare the examples that both have; the means are over those, and 0 when there is none."""
    shared = sorted(before.keys() & after.keys())
    means = [
        sum(scores[index] for index in shared) / len(shared) if shared else 0.0 for scores in (before, after)
    ]
    better = tuple(index for index in shared if after[index] > before[index])
    worse = tuple(index for index in shared if after[index] < before[index])
    return Comparison(
        before=means[0],
        after=means[1],
        difference=means[1] - means[0],
        better=better,
        worse=worse,
        same=len(shared) - len(better) - len(worse),
    )
