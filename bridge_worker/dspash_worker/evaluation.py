"""Evaluation: a module or program on every example of a set, several at a time."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Final

import dspy

from dspash_protocol import EventKind, Fault, FaultError, FaultKind
from dspash_worker.call import Call
from dspash_worker.examples import read_examples
from dspash_worker.faults import fault_of, of_program
from dspash_worker.metrics import Metric, read_metric
from dspash_worker.refusal import invalid, pick
from dspash_worker.running import fields_of
from dspash_worker.workbench import Workbench, id_of

__all__ = ["DEFAULT_THREADS", "Outcome", "Result", "evaluate", "evaluate_program"]

DEFAULT_THREADS: Final = 8
"""Examples that run side by side unless the request says otherwise: DSPy's own default."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one example: `score` is 0 where there is a fault."""

    index: int
    score: float
    prediction: dict[str, Any] | None
    fault: Fault | None
    feedback: str | None = None

    def to_map(self) -> dict[str, Any]:
        """Return the wire form."""
        out: dict[str, Any] = {
            "index": self.index,
            "score": self.score,
            "prediction": self.prediction,
            "error": None,
        }
        if self.fault is not None:
            out["error"] = self.fault.to_map()
        if self.feedback is not None:
            out["feedback"] = self.feedback
        return out


@dataclass(frozen=True, slots=True)
class Outcome:
    """All results, in the order of the examples."""

    results: tuple[Result, ...]

    @property
    def score(self) -> float:
        """The mean over all examples, failures counting 0; 0 without examples."""
        return _mean(result.score for result in self.results)

    def to_map(self) -> dict[str, Any]:
        """Return the wire form; `correct` counts scores of 1 and more."""
        return {
            "score": self.score,
            "total": len(self.results),
            "correct": sum(result.score >= 1.0 for result in self.results),
            "failed": sum(result.fault is not None for result in self.results),
            "results": [result.to_map() for result in self.results],
        }


def evaluate(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `evaluate {program_id | module_id, devset, metric, num_threads?, max_errors?, input_fields?}`."""
    definition = workbench.definition(call, id_of(call.args, "program_id", "module_id", "id"))
    metric = read_metric(call.args.get("metric"))
    devset = read_examples(
        call.args.get("devset"),
        definition,
        path="$.devset",
        input_fields=call.args.get("input_fields"),
        may_be_empty=True,
    )
    threads = pick(call.args, "num_threads", int, "a number of threads", default=DEFAULT_THREADS)
    max_errors = pick(call.args, "max_errors", int, "a number of errors")
    if threads < 1:
        raise invalid("$.num_threads", f"{threads} threads run nothing")
    with workbench.context(call, definition.settings):
        runs = evaluate_program(
            call,
            definition.instance if definition.stateful else lambda: definition.module,
            devset,
            metric,
            title=definition.title,
            threads=threads,
            max_errors=max_errors,
        )
    return runs.to_map()


def evaluate_program(
    call: Call,
    program: Any,
    devset: Sequence[dspy.Example],
    metric: Metric,
    *,
    title: str,
    threads: int = DEFAULT_THREADS,
    max_errors: int | None = None,
) -> Outcome:
    """Run what `program()` returns on every example and judge it, telling progress as it goes.

    A failure counts 0 and goes on, up to `max_errors` of them. One thread is this thread: a cancellation reaches into
    the program. Raises FaultError after more, CallCancelled.
    """
    results: dict[int, Result] = {}
    if min(threads, len(devset)) == 1:
        for index, example in enumerate(devset):
            call.check()
            results[index] = _run_one(program(), index, example, metric, title)
            _tell(call, results, len(devset))
            _stop_at(max_errors, results, title)
        return Outcome(tuple(results.values()))
    stop = threading.Event()

    def run(index: int) -> Result:
        if stop.is_set():
            return Result(index, 0.0, None, None)
        call.check()
        return _run_one(program(), index, devset[index], metric, title)

    pool = ThreadPoolExecutor(
        max_workers=min(threads, max(1, len(devset))), thread_name_prefix="dspash-evaluate"
    )
    try:
        # Each example runs in a copy of this context: DSPy's settings, the call among them, are part of it.
        futures = [pool.submit(contextvars.copy_context().run, run, index) for index in range(len(devset))]
        for future in as_completed(futures):
            result = future.result()
            results[result.index] = result
            _tell(call, results, len(devset))
            _stop_at(max_errors, results, title)
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
    return Outcome(tuple(results[index] for index in sorted(results)))


def _run_one(program: dspy.Module, index: int, example: dspy.Example, metric: Metric, title: str) -> Result:
    try:
        with dspy.context(trace=[]), of_program(title):
            fields = fields_of(program(**example.inputs()), title)
            verdict = metric.judge(dict(example.items()), fields)
    except Exception as error:  # noqa: BLE001  (one example's failure is that example's result)
        return Result(index, 0.0, None, fault_of(error))
    return Result(index, verdict.score, fields, None, verdict.feedback)


def _tell(call: Call, results: dict[int, Result], total: int) -> None:
    score = _mean(result.score for result in results.values())
    call.emit(EventKind.PROGRESS, {"kind": "example", "done": len(results), "total": total, "score": score})


def _stop_at(max_errors: int | None, results: dict[int, Result], title: str) -> None:
    if max_errors is None:
        return
    failed = [(result.index, result.fault) for result in results.values() if result.fault is not None]
    if len(failed) > max_errors:
        index, fault = min(failed, key=lambda found: found[0])
        message = f"{title} failed on {len(failed)} examples, over max_errors={max_errors}; {index}: {fault.message}"
        details = {"index": index, "errors": len(failed)}
        raise FaultError(
            Fault(
                FaultKind.PROGRAM_ERROR, message, type=fault.type, details=details, traceback=fault.traceback
            )
        )


def _mean(scores: Iterable[float]) -> float:
    found = list(scores)
    return sum(found) / len(found) if found else 0.0
