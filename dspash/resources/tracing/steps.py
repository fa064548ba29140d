"""Steps: an execution as the tree of what ran inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from dspash_protocol import InvalidPayloadError
from dspash_protocol.trace import MAX_SPANS, Span, read_spans

if TYPE_CHECKING:
    from dspash.resources.trace import Trace

__all__ = ["Step", "read_steps"]


@dataclass(slots=True)
class Step:
    """One step and those inside it, in the order in which they began.

    `kind` is that of the execution (`program`, `module`) or of a step (`module`, `lm`, `tool`). `facts` are those of
    `inputs`, `outputs`, `prompt`, `response`, `reasoning`, `options`, `usage` and `error` that it has.
    """

    kind: str
    name: str
    type: str
    started_at: datetime
    duration_s: float
    facts: Mapping[str, Any]
    steps: list[Step] = field(default_factory=list["Step"])

    @property
    def failed(self) -> bool:
        """Whether it ended in an error."""
        return self.facts.get("error") is not None

    def walk(self) -> Iterator[Step]:
        """It and all steps inside it, each before those inside it."""
        waiting: list[Step] = [self]
        while waiting:
            step = waiting.pop()
            yield step
            waiting.extend(reversed(step.steps))

    def to_map(self) -> dict[str, Any]:
        """As plain data."""
        made: dict[int, dict[str, Any]] = {}
        for step in reversed(
            list(self.walk())
        ):  # inner ones first: a tree may be too deep to be walked by calls
            made[id(step)] = {
                "kind": step.kind,
                "name": step.name,
                "type": step.type,
                "started_at": step.started_at.isoformat(),
                "duration_s": step.duration_s,
                **step.facts,
                "steps": [made[id(inner)] for inner in step.steps],
            }
        return made[id(self)]


def read_steps(trace: Trace) -> Step:
    """The tree of a trace. What in its steps is none is left out, a second step of an id too.

    A step inside one that was never told stands directly in the execution, and the times of all lie within its own.
    """
    known = {
        "inputs": trace.inputs,
        "outputs": trace.outputs,
        "reasoning": trace.reasoning,
        "error": trace.error,
        "usage": {"lm_calls": trace.lm_calls, "lm_tokens": trace.lm_tokens, "tool_calls": trace.tool_calls},
    }
    facts = {name: value for name, value in known.items() if value is not None}
    root = Step(trace.kind, trace.name, trace.type, trace.started_at, trace.duration_s, facts)
    steps: dict[int, Step] = {}
    for span in _spans_in(trace.steps):
        at_s = min(span.at_us / 1e6, root.duration_s)
        began_at = root.started_at + timedelta(seconds=at_s)
        took_s = min(span.took_us / 1e6, root.duration_s - at_s)
        step = steps[span.id] = Step(str(span.kind), span.name, span.type, began_at, took_s, _facts(span))
        steps.get(span.parent, root).steps.append(step)
    return root


def _spans_in(text: str) -> list[Span]:
    found: dict[int, Span] = {}
    for line in text.split("\n"):
        try:
            spans, _ = read_spans(line)
        except InvalidPayloadError:
            continue
        for span in spans:
            if len(found) < MAX_SPANS:
                found.setdefault(span.id, span)
    return [found[number] for number in sorted(found)]


def _facts(span: Span) -> Mapping[str, Any]:
    outputs: Any = span.facts.get("outputs")
    reasoning: Any = cast("dict[str, Any]", outputs).get("reasoning") if isinstance(outputs, dict) else None
    return {**span.facts, "reasoning": reasoning} if isinstance(reasoning, str) else span.facts
