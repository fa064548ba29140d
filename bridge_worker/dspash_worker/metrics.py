"""Metrics: how predictions are judged: built in, by the host, or by source text of the host's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import dspy

from dspash_protocol import FaultError, FaultKind, ReverseCommand
from dspash_protocol.signature import closest
from dspash_worker.current import current_call
from dspash_worker.faults import of_program
from dspash_worker.judge import Judge
from dspash_worker.refusal import invalid, invalid_value, pick
from dspash_worker.sampling import note_failure
from dspash_worker.scoring import BUILT_IN, score_answer_in_passages, score_passage_match
from dspash_worker.source import load_module
from dspash_worker.verdict import Verdict
from dspash_worker.wire_types import to_wire

__all__ = ["METRIC_NAMES", "Metric", "read_metric", "read_reward"]

METRIC_NAMES: Final = (*BUILT_IN, "passage_match", "answer_passage_match")
_PASSAGES: Final = ("passages", "context")
_KINDS: Final = ("name", "host", "source", "judge")


class Metric(Protocol):
    """Judges one prediction."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def judge(self, example: Mapping[str, Any], prediction: Mapping[str, Any], trace: Any = None) -> Verdict:
        """Compare. Raises FaultError when it cannot: a field is missing, the host's function failed."""
        ...


def read_metric(raw: object, *, path: str = "$.metric") -> Metric:
    """Return the metric that `raw` is: a built-in's name, `{name, field?}`, `{host: name}`, `{source: text}` or
    `{judge: instructions}`. Raises FaultError for anything else.
    """
    given = {"name": raw} if isinstance(raw, str) else raw
    if not isinstance(given, Mapping):
        raise invalid_value(path, "a metric's name or a map", raw)
    kinds = [key for key in _KINDS if given.get(key) is not None]
    if len(kinds) != 1 or not given.keys() <= {*_KINDS, "field"}:
        raise invalid(path, "one of name, host, source and judge is wanted, and field beside a name")
    if kinds == ["host"]:
        return _HostMetric(pick(given, "host", str, "text", path=path))
    if kinds == ["source"]:
        return _metric_of_source(pick(given, "source", str, "text", path=path), f"{path}.source")
    if kinds == ["judge"]:
        return Judge.of(pick(given, "judge", str, "instructions (text)", path=path))
    name = pick(given, "name", str, "text", path=path)
    if name not in METRIC_NAMES:
        near = closest(name, METRIC_NAMES)
        raise invalid(
            f"{path}.name",
            f"{name!r:.60} is no metric",
            hint=f"{near} known are {', '.join(METRIC_NAMES)}".strip(),
        )
    field = pick(given, "field", str, "text", path=path)
    if name in BUILT_IN:
        return _FieldMetric(name, field)
    return _CitationMetric() if name == "passage_match" else _AnswerInPassages(field)


@dataclass(frozen=True, slots=True)
class _FieldMetric:
    """Compares one field of the prediction with the example's; which one, it finds out where there is one choice."""

    name: str
    field: str | None

    def judge(self, example: Mapping[str, Any], prediction: Mapping[str, Any], trace: Any = None) -> Verdict:
        field = self.field or _label_field(example, prediction)
        return Verdict(
            BUILT_IN[self.name](_get(example, field, "example"), _get(prediction, field, "prediction"))
        )


@dataclass(frozen=True, slots=True)
class _CitationMetric:
    """The share of the example's `gold_passages` that the prediction's `citations` name."""

    name: str = "passage_match"

    def judge(self, example: Mapping[str, Any], prediction: Mapping[str, Any], trace: Any = None) -> Verdict:
        passages = next(
            (given[key] for given in (prediction, example) for key in _PASSAGES if key in given), []
        )
        return Verdict(
            score_passage_match(
                _items(example.get("gold_passages")), _items(prediction.get("citations")), _items(passages)
            )
        )


@dataclass(frozen=True, slots=True)
class _AnswerInPassages:
    """Whether the expected answer stands in any of the passages that the prediction (or else the example) carries."""

    field: str | None
    name: str = "answer_passage_match"

    def judge(self, example: Mapping[str, Any], prediction: Mapping[str, Any], trace: Any = None) -> Verdict:
        field = self.field or "answer"
        passages = next(
            (given[key] for given in (prediction, example) for key in _PASSAGES if key in given), None
        )
        if passages is None:
            raise _cannot(f"neither prediction nor example has {' or '.join(_PASSAGES)}")
        expected = _get(example, field, "example")
        return Verdict(score_answer_in_passages(expected, _items(passages)))


@dataclass(frozen=True, slots=True)
class _HostMetric:
    """Asks the host: `metric.call {name, example, prediction, trace?}` → a number, a bool, or `{score, feedback?}`."""

    name: str

    def judge(self, example: Mapping[str, Any], prediction: Mapping[str, Any], trace: Any = None) -> Verdict:
        args = {
            "name": self.name,
            "example": to_wire(dict(example), path="$.example"),
            "prediction": to_wire(dict(prediction), path="$.prediction"),
        }
        if trace is not None:
            args["trace"] = [
                {"inputs": to_wire(dict(step[1])), "outputs": to_wire(dict(step[2]))}
                for step in trace
                if len(step) == 3
            ]
        return _verdict(current_call().ask(ReverseCommand.METRIC_CALL, args), self.name)


@dataclass(frozen=True, slots=True)
class _SourceMetric:
    """A function of source text: `(example, prediction)` or `(example, prediction, trace)`."""

    name: str
    function: Callable[..., Any]
    takes_trace: bool

    def judge(self, example: Mapping[str, Any], prediction: Mapping[str, Any], trace: Any = None) -> Verdict:
        more = (trace,) if self.takes_trace else ()
        with of_program(f"metric {self.name}"):
            return _verdict(
                self.function(dspy.Example(**example), dspy.Prediction(**prediction), *more), self.name
            )


def read_reward(raw: object, *, path: str) -> Callable[[Mapping[str, Any], Any], float]:
    """Return the reward function that BestOfN and Refine take, for a metric: its example is the call's inputs.

    Refine shows a reward's source text to the model, so this one has a text that says what it is.
    """
    metric = read_metric(raw, path=path)
    what = f"Reward of a prediction by {metric.name!r}: a score, higher being better."
    text = f"def reward(inputs, prediction):\n    {what!r}\n    return score(inputs, prediction)\n"

    def score(inputs: Mapping[str, Any], prediction: Any) -> float:
        try:
            return metric.judge(inputs, dict(prediction), None).score
        except Exception as error:
            note_failure(error)
            raise

    return load_module(text, "reward", {"score": score}, path=path, told=False)["reward"]


def _metric_of_source(text: str, path: str) -> Metric:
    with of_program("metric"):
        names = load_module(text, "metric", {"dspy": dspy}, path=path)
    functions = [
        value
        for value in names.values()
        if inspect.isfunction(value) and value.__module__ == names["__name__"]
    ]
    found = next((function for function in functions if function.__name__ == "metric"), None)
    if found is None and len(functions) == 1:
        found = functions[0]
    if found is None:
        raise invalid(path, "one function is wanted, or one called metric")
    return _SourceMetric(found.__name__, found, len(inspect.signature(found).parameters) > 2)


def _verdict(value: Any, name: str) -> Verdict:
    feedback: Any = None
    if isinstance(value, Mapping) or (isinstance(value, dspy.Prediction) and "score" in value):
        value, feedback = value.get("score"), value.get("feedback")
    if isinstance(value, bool | int | float):
        return Verdict(float(value), None if feedback is None else str(feedback))
    raise _cannot(
        f"metric {name!r} returned {type(value).__name__}, not a number, a bool or {{score, feedback}}"
    )


def _label_field(example: Mapping[str, Any], prediction: Mapping[str, Any]) -> str:
    shared = [name for name in prediction if name in example]
    if "answer" in shared or not shared:
        return "answer"
    if len(shared) == 1:
        return shared[0]
    raise _cannot(
        f"example and prediction share {', '.join(shared)}: say which to compare, as in {{'name': …, 'field': {shared[0]!r}}}"
    )


def _get(given: Mapping[str, Any], field: str, what: str) -> Any:
    if field not in given:
        raise _cannot(f"the {what} has no field {field!r}; it has {', '.join(given) or 'none'}")
    return given[field]


def _items(value: object) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]


def _cannot(problem: str) -> FaultError:
    return FaultError.of(FaultKind.PROGRAM_ERROR, problem)
