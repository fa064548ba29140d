"""Evaluation: how well a module or program did on a set of examples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from dspash.prediction import Prediction
from dspash.scoring import (
    Comparison,
    Interval,
    ScoredExample,
    compare_scores,
    mean_interval,
    write_results,
)
from dspash.usage import Isolation, Usage

__all__ = ["Evaluation", "ExampleResult", "OnProgress", "OnResults"]

OnProgress: TypeAlias = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example: its place in the set, its score, and the prediction or the error that stood in its way."""

    index: int
    score: float
    prediction: Prediction | None
    error: str | None


OnResults: TypeAlias = Callable[[Sequence[ExampleResult]], None]
"""Hears of results as they come; all that belong to one call at once."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`score` is the mean over all examples, failures counting as 0; `correct` counts scores of 1 and more.

    `usage` is what all of its calls have used together; `isolation` says how they were kept apart, where they were. `id`
    is that of its record, where it is kept.
    """

    score: float
    total: int
    correct: int
    failed: int
    results: tuple[ExampleResult, ...]
    usage: Usage = field(default_factory=Usage, repr=False)
    isolation: Isolation | None = field(default=None, repr=False)
    id: UUID | None = None

    @classmethod
    def of(
        cls, results: Iterable[ExampleResult], usage: Usage | None = None, isolation: Isolation | None = None
    ) -> Evaluation:
        """Sum up, in the order of the examples."""
        ordered = tuple(sorted(results, key=lambda result: result.index))
        total = len(ordered)
        return cls(
            score=sum(result.score for result in ordered) / total if total else 0.0,
            total=total,
            correct=sum(result.score >= 1.0 for result in ordered),
            failed=sum(result.error is not None for result in ordered),
            results=ordered,
            usage=usage or Usage(),
            isolation=isolation,
        )

    def interval(self, *, level: float = 0.95, seed: int = 0) -> Interval | None:
        """The confidence interval of the score; None for fewer than two examples. See mean_interval."""
        return mean_interval([result.score for result in self.results], level=level, seed=seed)

    def compare(self, other: Evaluation) -> Comparison:
        """What `other`, of the same examples, did better and worse; see Comparison."""
        before, after = ({result.index: result.score for result in each.results} for each in (self, other))
        return compare_scores(before, after)

    def export(self, path: str | os.PathLike[str], devset: Sequence[Mapping[str, Any]] | None = None) -> Path:
        """Write a row for each example, with the example itself where `devset` is given, as CSV, JSON lines, Markdown or
        Parquet, by the ending of the file's name; see write_results.
        """
        return write_results(
            path,
            [
                ScoredExample(
                    index=result.index,
                    score=result.score,
                    error=result.error,
                    prediction=result.prediction,
                    example={} if devset is None else devset[result.index],
                )
                for result in self.results
            ],
        )
