"""Optimisation progress: what an optimizer does, seen from outside it, as events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import dspy
from dspy.utils.callback import BaseCallback

from dspash_protocol import EventKind, Fault
from dspash_worker.call import Call
from dspash_worker.candidates import Candidates
from dspash_worker.faults import fault_of
from dspash_worker.learned import learned_state
from dspash_worker.metrics import Metric
from dspash_worker.wire_types import to_wire

__all__ = ["OptimizationProgress"]


_SPENT: Final = "billing"  # lm15's code for calls that nobody pays for any more


class OptimizationProgress(BaseCallback):
    """Tells the host of every example judged and every candidate scored. Thread-safe.

    Also keeps the first failure: an optimizer that gives up after too many says no more than that there were many. With the
    budget spent, no candidate is told of any more: their scores would say what was refused, not how good they are.
    """

    def __init__(self, call: Call, trainset_size: int) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._total = trainset_size
        self._done = 0
        self._evaluated: dict[str, Any] = {}
        self._is_told = True
        self.candidates = Candidates(lambda told: call.emit(EventKind.PROGRESS, told))
        self.judged = 0
        self.first_failure: Fault | None = None
        self.spent: Fault | None = None
        """The refusal of the first LM call that the budget did not allow; None as long as there is one."""

    def metric(self, metric: Metric, *, feedback: bool) -> Callable[..., Any]:
        """Return `metric` as DSPy's optimizers call it; with `feedback` it returns a Prediction that carries it."""

        def judge(
            example: Any, prediction: Any, trace: Any = None, _pred_name: Any = None, _pred_trace: Any = None
        ) -> Any:
            try:
                verdict = metric.judge(dict(example.items()), _fields(prediction), trace)
            except Exception as error:
                self._note_failure(error)
                raise
            self._count()
            if not feedback:
                return verdict.score
            told = verdict.feedback or f"The score is {verdict.score:g}; {_expected(example, prediction)}"
            return dspy.Prediction(score=verdict.score, feedback=told)

        return judge

    @contextmanager
    def untold(self) -> Generator[None]:
        """Evaluations inside the block are told of by somebody who knows better what they mean."""
        self._is_told = False
        try:
            yield
        finally:
            self._is_told = True

    def on_evaluate_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        with self._lock:
            self._done, self._total = 0, len(inputs.get("devset") or instance.devset or ())
            self._evaluated[call_id] = inputs["program"]

    def on_evaluate_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        with self._lock:
            program = self._evaluated.pop(call_id, None)
        if exception is None and outputs is not None and program is not None and self._is_told:
            score, examples = float(outputs.score) / 100, len(outputs.results)
            self.candidates.add(score, examples=examples, state=lambda: learned_state(program))

    def on_module_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        if isinstance(exception, Exception):
            self._note_failure(exception)

    def _count(self) -> None:
        with self._lock:
            self.judged += 1
            self._done = self._done + 1
            done, total = self._done, max(self._total, self._done)
        self._call.emit(EventKind.PROGRESS, {"kind": "example", "done": done, "total": total})

    def _note_failure(self, error: Exception) -> None:
        if self.first_failure is None or self.spent is None:
            self.note(fault_of(error))

    def note(self, fault: Fault) -> None:
        """Note that something failed."""
        with self._lock:
            self.first_failure = self.first_failure or fault
            if self.spent is None and fault.details.get("code") == _SPENT:
                self.spent = fault
                self.candidates.end()


def _fields(prediction: Any) -> dict[str, Any]:
    if prediction is None:
        raise ValueError("there is no prediction to judge")
    return dict(prediction.items())


def _expected(example: Any, prediction: Any) -> str:
    """What to learn where the metric says nothing itself: the labels, beside what was predicted."""
    labels = {name: value for name, value in example.labels().items() if name in prediction}
    return (
        "expected " + ", ".join(f"{name}={to_wire(value)!r:.300}" for name, value in labels.items())
        if labels
        else ""
    )
