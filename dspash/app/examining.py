"""Examining: carries an evaluation out: makes its calls, as many at a time as fit, and gathers what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeAlias

from dspash.app.answers import error_text, list_of, map_of, number_of
from dspash.app.evaluation import Evaluation, ExampleResult, OnProgress, OnResults
from dspash.app.example_queue import ExampleQueue, Portion
from dspash.bridge import Call
from dspash.errors import DspashError, ProtocolError
from dspash.prediction import Prediction
from dspash.usage import Isolation, Usage

__all__ = ["CallFor", "examine"]

CallFor: TypeAlias = Callable[[list[dict[str, Any]]], Call]
"""Makes the call that runs these examples."""


def examine(
    devset: Sequence[dict[str, Any]],
    call_for: CallFor,
    queue: ExampleQueue,
    *,
    has_own_time: bool,
    known: Sequence[ExampleResult] = (),
    on_progress: OnProgress | None = None,
    on_results: OnResults | None = None,
) -> Evaluation:
    """Run what `queue` has of `devset`, and sum that up with the results that are `known` already.

    `has_own_time`: a call's deadline is that of its example. Listeners are called in this thread, as answers come.
    Never more calls than the queue lets run are under way, so that none waits while its time runs. Raises what makes the
    evaluation as a whole fail; calls that are under way are then the caller's to cancel.
    """
    results, usages = list(known), list[Usage]()
    isolation: Isolation | None = None
    running: dict[Future[Any], tuple[Call, Portion]] = {}
    while not queue.has_ended:
        while (portion := queue.take()) is not None:
            call = call_for([devset[place] for place in portion.places])
            running[call.future] = call, portion
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            call, portion = running.pop(future)
            usages.append(call.usage)
            isolation = isolation or call.isolation
            found = _results_of(future, portion, queue, has_own_time=has_own_time)
            if found:
                results += found
                if on_results is not None:
                    on_results(found)
                if on_progress is not None:
                    on_progress(_progress(results, len(devset)))
    return Evaluation.of(results, Usage.total(usages), isolation)


def _results_of(
    future: Future[Any], portion: Portion, queue: ExampleQueue, *, has_own_time: bool
) -> list[ExampleResult]:
    try:
        answer = future.result()
    except DspashError as error:
        if queue.failed(portion, error, has_own_time=has_own_time):
            return [ExampleResult(portion.places[0], 0.0, None, str(error))]
        return []
    queue.succeeded()
    return _read_results(answer, portion.places)


def _progress(results: Sequence[ExampleResult], total: int) -> dict[str, Any]:
    return {
        "done": len(results),
        "total": total,
        "score": sum(result.score for result in results) / len(results),
        "failed": sum(result.error is not None for result in results),
    }


def _read_results(answer: Any, places: Sequence[int]) -> list[ExampleResult]:
    """The results in a worker's answer, one for each of its examples, by their places. Raises ProtocolError."""
    raws = list_of(map_of(answer, "the answer").get("results"), "the results")
    numbered = {number_of(map_of(raw, "a result").get("index"), "a result's index"): raw for raw in raws}
    if len(raws) != len(places) or numbered.keys() != set(range(len(places))):
        raise ProtocolError("there should be one result for each example")
    return [_read_result(numbered[index], place) for index, place in enumerate(places)]


def _read_result(raw: Mapping[str, Any], place: int) -> ExampleResult:
    fields, error = raw.get("prediction"), raw.get("error")
    return ExampleResult(
        index=place,
        score=number_of(raw.get("score"), "a score"),
        prediction=None if fields is None else Prediction(map_of(fields, "the output fields")),
        error=None if error is None else error_text(error),
    )
