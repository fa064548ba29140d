"""Evaluation: how well a module or program does on a set of examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from dspash.app.answers import error_text, list_of, map_of, number_of
from dspash.bridge import Call
from dspash.errors import ProtocolError
from dspash.prediction import Prediction
from dspash.usage import Isolation, Usage

__all__ = ["CHUNK_MOST", "Evaluation", "ExampleResult", "OnProgress", "evaluate_in_chunks", "split_evenly"]

CHUNK_MOST: Final = 16  # examples a call: small enough to show progress and to lose little with a worker

OnProgress: TypeAlias = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example: its place in the set, its score, and the prediction or the error that stood in its way."""

    index: int
    score: float
    prediction: Prediction | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`score` is the mean over all examples, failures counting as 0; `correct` counts scores of 1 and more.

    `usage` is what all of its calls have used together; `isolation` says how they were kept apart, where they were.
    """

    score: float
    total: int
    correct: int
    failed: int
    results: tuple[ExampleResult, ...]
    usage: Usage = field(default_factory=Usage, repr=False)
    isolation: Isolation | None = field(default=None, repr=False)

    @classmethod
    def of(cls, results: Iterable[ExampleResult], calls: Iterable[Call] = ()) -> Evaluation:
        """Sum up, in the order of the examples; `calls` are those that were made for it."""
        made = tuple(calls)
        ordered = tuple(sorted(results, key=lambda result: result.index))
        total = len(ordered)
        return cls(
            score=sum(result.score for result in ordered) / total if total else 0.0,
            total=total,
            correct=sum(result.score >= 1.0 for result in ordered),
            failed=sum(result.error is not None for result in ordered),
            results=ordered,
            usage=Usage.total(call.usage for call in made),
            isolation=next((call.isolation for call in made), None),
        )


def evaluate_in_chunks(
    devset: Sequence[dict[str, Any]],
    call_for: Callable[[list[dict[str, Any]]], Call],
    *,
    among: int,
    on_progress: OnProgress | None,
) -> Evaluation:
    """Cut `devset` for `among` calls at a time, make each by `call_for` and gather their answers as they come."""
    chunks = split_evenly(len(devset), among=among)
    calls = [call_for([devset[index] for index in chunk]) for chunk in chunks]
    chunk_of: dict[Future[Any], range] = {
        call.future: chunk for call, chunk in zip(calls, chunks, strict=True)
    }
    results: list[ExampleResult] = []
    for future in as_completed(chunk_of):
        results += _read_results(future.result(), chunk_of[future])
        if on_progress is not None:
            score = sum(result.score for result in results) / len(results)
            on_progress({"done": len(results), "total": len(devset), "score": score})
    return Evaluation.of(results, calls)


def split_evenly(count: int, *, among: int) -> list[range]:
    """Cut `count` examples into chunks, so that `among` of them run side by side and none is long."""
    size = max(1, min(CHUNK_MOST, -(-count // max(1, among))))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _read_results(answer: Any, chunk: range) -> list[ExampleResult]:
    """The results in a worker's answer about a chunk: one for each of its examples. Raises ProtocolError."""
    raws = list_of(map_of(answer, "the answer").get("results"), "the results")
    results = [_read_result(map_of(raw, "a result"), chunk.start) for raw in raws]
    if sorted(result.index for result in results) != list(chunk):
        raise ProtocolError("there should be one result for each example")
    return results


def _read_result(raw: Mapping[str, Any], offset: int) -> ExampleResult:
    fields, error = raw.get("prediction"), raw.get("error")
    return ExampleResult(
        index=offset + int(number_of(raw.get("index"), "a result's index")),
        score=number_of(raw.get("score"), "a score"),
        prediction=None if fields is None else Prediction(map_of(fields, "the output fields")),
        error=None if error is None else error_text(error),
    )
