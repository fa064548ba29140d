"""Comparison: two programs' scores of the same examples, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dspash.scoring.interval import LEVEL, Interval, mean_interval
from dspash.scoring.significance import Significance, SignificanceTest, significance_of

__all__ = ["Comparison", "compare_scores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How `after` did beside `before`, on the examples that both have.

    Means, and the places of examples: `better` and `worse` those whose score went up or down, `gained` and `lost` those
    that flipped: right (a score of 1 and more) in one and not in the other. `interval` is that of the `difference`.
    """

    before: float
    after: float
    difference: float
    better: tuple[int, ...]
    worse: tuple[int, ...]
    gained: tuple[int, ...]
    lost: tuple[int, ...]
    same: int
    interval: Interval | None
    scores: tuple[tuple[float, float], ...] = field(repr=False)
    """Before and after, of each example that both have, in order."""

    def significance(self, test: SignificanceTest = "auto") -> Significance:
        """How likely chance alone would make such a difference; see significance_of. Needs the extra `statistics`."""
        return significance_of([early for early, _ in self.scores], [late for _, late in self.scores], test)

    def to_map(self) -> dict[str, Any]:
        """As data: JSON values only, without the scores themselves."""
        told = asdict(self)
        del told["scores"]
        return told | {name: list(told[name]) for name in ("better", "worse", "gained", "lost")}


def compare_scores(
    before: Mapping[int, float], after: Mapping[int, float], *, level: float = LEVEL
) -> Comparison:
    """Compare the examples that both have, by their places; the means are over those, and 0 when there is none."""
    shared = sorted(before.keys() & after.keys())
    means = [
        sum(scores[index] for index in shared) / len(shared) if shared else 0.0 for scores in (before, after)
    ]
    differences = {index: after[index] - before[index] for index in shared}
    flips = {index: (after[index] >= 1) - (before[index] >= 1) for index in shared}
    better = tuple(index for index in shared if differences[index] > 0)
    worse = tuple(index for index in shared if differences[index] < 0)
    return Comparison(
        before=means[0],
        after=means[1],
        difference=means[1] - means[0],
        better=better,
        worse=worse,
        gained=tuple(index for index in shared if flips[index] > 0),
        lost=tuple(index for index in shared if flips[index] < 0),
        same=len(shared) - len(better) - len(worse),
        interval=_interval_of([differences[index] for index in shared], level),
        scores=tuple((before[index], after[index]) for index in shared),
    )


def _interval_of(differences: list[float], level: float) -> Interval | None:
    """Pairs are resampled whole. None for a difference that is everywhere the same: nothing is told of how it varies."""
    if len(set(differences)) < 2:
        return None
    return mean_interval(differences, level=level)
