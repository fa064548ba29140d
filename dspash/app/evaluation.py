"""Evaluation: how well a module or program does on a set of examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dspash.app.prediction import Prediction

__all__ = ["Evaluation", "ExampleResult", "split_evenly"]

CHUNK_MOST: Final = 16  # examples a call: small enough to show progress and to lose little with a worker


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example: its place in the set, its score, and the prediction or the error that stood in its way."""

    index: int
    score: float
    prediction: Prediction | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`score` is the mean over all examples, failures counting as 0; `correct` counts scores of 1 and more."""

    score: float
    total: int
    correct: int
    failed: int
    results: tuple[ExampleResult, ...]

    @classmethod
    def of(cls, results: Sequence[ExampleResult]) -> Evaluation:
        """Sum up, in the order of the examples."""
        ordered = tuple(sorted(results, key=lambda result: result.index))
        total = len(ordered)
        return cls(
            score=sum(result.score for result in ordered) / total if total else 0.0,
            total=total,
            correct=sum(result.score >= 1.0 for result in ordered),
            failed=sum(result.error is not None for result in ordered),
            results=ordered,
        )


def read_results(answer: Mapping[str, Any], offset: int) -> list[ExampleResult]:
    """The results in a worker's answer about a chunk that began at `offset`."""
    return [_read_result(raw, offset) for raw in answer["results"]]


def split_evenly(count: int, *, among: int) -> list[range]:
    """Cut `count` examples into chunks, so that `among` of them run side by side and none is long."""
    size = max(1, min(CHUNK_MOST, -(-count // max(1, among))))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _read_result(raw: Mapping[str, Any], offset: int) -> ExampleResult:
    fields: Mapping[str, Any] | None = raw.get("prediction")
    error: Mapping[str, Any] | str | None = raw.get("error")
    return ExampleResult(
        index=offset + int(raw["index"]),
        score=float(raw["score"]),
        prediction=None if fields is None else Prediction(fields),
        error=None if error is None else _error_text(error),
    )


def _error_text(error: Mapping[str, Any] | str) -> str:
    return error if isinstance(error, str) else str(error.get("message", error))
