"""Traces: the steps inside a call are told where it asks for them, each with what went in and came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dspash_protocol import EventKind, Fault, FaultError, FaultKind, ReverseCommand
from dspash_protocol.trace import MAX_PIECE, MAX_SPANS, MAX_TRACE, Span, SpanKind, read_spans
from dspash_worker.testing import LocalWorker
from tests.worker.domain.module_scenes import SEARCH

HOPS = """
class Hops(dspy.Module):
    def __init__(self):
        super().__init__()
        self.hops = [dspy.ChainOfThought("question -> query") for _ in range(2)]
        self.answer = dspy.Predict("question, found: list[str] -> answer")

    def forward(self, question):
        found = []
        for hop in self.hops:
            found += search(query=hop(question=question).query)
        return self.answer(question=question, found=found)
"""


def spans_of(worker: LocalWorker) -> list[Span]:
    spans: list[Span] = []
    for piece in worker.events(EventKind.TRACE):
        read, refused = read_spans(piece["spans"])
        assert refused == 0
        spans += read
    return sorted(spans, key=lambda span: span.id)


def tree(spans: list[Span]) -> list[tuple[str, str]]:
    """Each step with its depth shown."""
    depth = {0: 0}
    told: list[tuple[str, str]] = []
    for span in spans:
        depth[span.id] = depth[span.parent] + 1
        told.append((f"{'.' * depth[span.id]}{span.kind}", span.name))
    return told


def traced(worker: LocalWorker, **args: Any) -> list[Span]:
    command = "forward" if "module_id" in args else "execute"
    worker.call(command, trace=True, **args)
    return spans_of(worker)


@pytest.fixture
def hops(offline: LocalWorker) -> LocalWorker:
    offline.call("create_program", id="p", source=HOPS, tools=[SEARCH])
    return offline


IN_HOPS = {"program_id": "p", "inputs": {"question": "Who?"}}


@pytest.mark.parametrize("stream", [False, True])
def test_the_steps_of_a_program_make_a_tree(hops: LocalWorker, stream: bool) -> None:
    spans = traced(hops, **IN_HOPS, stream=stream)
    hop = [
        (".module", "hops[{}]"),
        ("..module", "hops[{}].predict"),
        ("...lm", "offline"),
        (".tool", "search"),
    ]
    assert tree(spans) == [
        *((kind, name.format(0)) for kind, name in hop),
        *((kind, name.format(1)) for kind, name in hop),
        (".module", "answer"),
        ("..lm", "offline"),
    ]
    assert [span.type for span in spans if span.kind is SpanKind.MODULE][:2] == ["ChainOfThought", "Predict"]


def test_a_step_tells_what_went_in_and_came_out(hops: LocalWorker) -> None:
    spans = traced(hops, **IN_HOPS)
    module, lm, tool = spans[0].facts, spans[2].facts, spans[3].facts
    assert module["inputs"] == {"question": "Who?"}
    assert set(module["outputs"]) == {"reasoning", "query"}
    assert [message["role"] for message in lm["prompt"]] == ["system", "user"]
    assert "## query ##" in lm["response"][0]
    assert lm["usage"]["total_tokens"] == lm["usage"]["input_tokens"] + lm["usage"]["output_tokens"] > 0
    assert tool["inputs"] == {"query": module["outputs"]["query"], "k": 2}
    assert tool["outputs"] == [f"{module['outputs']['query']}: passage {number}" for number in range(2)]


def test_steps_lie_within_the_step_they_are_part_of(hops: LocalWorker) -> None:
    spans = {span.id: span for span in traced(hops, **IN_HOPS)}
    for span in spans.values():
        if span.parent:
            outer = spans[span.parent]
            assert outer.at_us <= span.at_us
            assert span.at_us + span.took_us <= outer.at_us + outer.took_us + 1  # each is rounded


def test_nothing_is_told_unasked(hops: LocalWorker) -> None:
    hops.call("execute", **IN_HOPS)
    hops.call("execute", **IN_HOPS, trace=False)
    assert hops.events(EventKind.TRACE) == []


def test_only_true_or_false_ask_for_a_trace(hops: LocalWorker) -> None:
    assert hops.fault("execute", **IN_HOPS, trace="yes").details["path"] == "$.trace"


def test_a_plain_session_has_no_traces() -> None:
    plain = LocalWorker(full=False)
    plain.call("create_program", id="p", forward_fn="result = {'n': 1}")
    assert plain.call("execute", program_id="p", inputs={}, trace=True) == {"n": 1}
    assert plain.events(EventKind.TRACE) == []


def test_agents_tools_are_noted_once(scripted: Any) -> None:
    worker: LocalWorker = scripted(
        {"next_thought": "t", "next_tool_name": "search", "next_tool_args": {"query": "x"}},
        {"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}},
        {"reasoning": "r", "answer": "a"},
    )
    worker.call("create_module", id="m", type="react", signature="q -> answer", tools=[SEARCH])
    spans = traced(worker, module_id="m", inputs={"q": "?"})
    assert [span.name for span in spans if span.kind is SpanKind.TOOL] == ["search", "finish"]
    assert [span.name for span in spans if span.kind is SpanKind.MODULE] == [
        "react",
        "react",
        "extract",
        "extract.predict",
    ]


def test_steps_in_threads_that_dspy_starts_stand_under_the_module_that_started_them(
    offline: LocalWorker,
) -> None:
    source = """
class Wide(dspy.Module):
    def __init__(self):
        super().__init__()
        self.ask = dspy.Predict("question -> answer")

    def forward(self, questions):
        pairs = [(self.ask, {"question": question}) for question in questions]
        return dspy.Prediction(answers=[got.answer for got in dspy.Parallel(num_threads=2)(pairs)])

class Outer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.wide = Wide()

    def forward(self, questions):
        return self.wide(questions=questions)
"""
    offline.call("create_program", id="p", source=source, class_name="Outer")
    spans = traced(offline, program_id="p", inputs={"questions": ["a?", "b?", "c?"]})
    wide = next(span for span in spans if span.name == "wide")
    asked = [span for span in spans if span.name == "wide.ask"]
    assert [span.parent for span in asked] == [wide.id] * 3
    assert sorted(span.parent for span in spans if span.kind is SpanKind.LM) == sorted(
        span.id for span in asked
    )


def test_a_failure_is_told_by_every_step_it_went_through(scripted: Any) -> None:
    fault = Fault(FaultKind.LM_ERROR, "the provider is down", details={"code": "server"})
    worker: LocalWorker = scripted(FaultError(fault))
    worker.call("create_module", id="m", type="chain_of_thought", signature="q -> answer")
    assert worker.fault("forward", module_id="m", inputs={"q": "?"}, trace=True).kind is FaultKind.LM_ERROR
    spans = spans_of(worker)
    assert tree(spans) == [(".module", "predict"), ("..lm", "scripted")]
    for span in spans:
        assert (span.facts["error"]["kind"], span.facts["error"]["message"]) == (
            "lm_error",
            "the provider is down",
        )


def test_what_a_program_raises_is_its_own_error(offline: LocalWorker) -> None:
    source = """
class Inner(dspy.Module):
    def forward(self):
        raise KeyError("missing")

class Outer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self):
        return self.inner()
"""
    offline.call("create_program", id="p", source=source, class_name="Outer")
    offline.fault("execute", program_id="p", inputs={}, trace=True)
    (span,) = spans_of(offline)
    assert span.facts["error"] == {"kind": "program_error", "type": "KeyError", "message": "'missing'"}


def test_inputs_are_those_of_the_beginning(offline: LocalWorker) -> None:
    source = """
class Inner(dspy.Module):
    def forward(self, items):
        items.append("late")
        return dspy.Prediction(count=len(items))

class Outer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self):
        return self.inner(["early"])
"""
    offline.call("create_program", id="p", source=source, class_name="Outer")
    (span,) = traced(offline, program_id="p", inputs={})
    assert span.facts["inputs"] == {"args": [["early"]]}
    assert span.facts["outputs"] == {"count": 2}


def repeated(offline: LocalWorker, body: str, **inputs: Any) -> list[Span]:
    source = f"""
class Inner(dspy.Module):
    def forward(self, value):
        return dspy.Prediction(value=value)

class Outer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, **inputs):
        {body}
        return dspy.Prediction(done=True)
"""
    offline.call("create_program", id="p", source=source, class_name="Outer")
    assert offline.call("execute", program_id="p", inputs=inputs, trace=True) == {"done": True}
    return spans_of(offline)


def dropped(worker: LocalWorker) -> int:
    return sum(piece.get("dropped", 0) for piece in worker.events(EventKind.TRACE))


def test_steps_beyond_the_most_are_counted(offline: LocalWorker) -> None:
    spans = repeated(offline, f"for n in range({MAX_SPANS + 5}): self.inner(value=n)")
    assert [span.id for span in spans] == list(range(1, MAX_SPANS + 1))
    assert dropped(offline) == 5


def test_a_trace_that_is_too_long_is_told_in_pieces_up_to_its_end(offline: LocalWorker) -> None:
    spans = repeated(offline, "for n in range(400): self.inner(value=['x' * 15000])")
    pieces = [piece["spans"] for piece in offline.events(EventKind.TRACE)]
    assert max(map(len, pieces)) <= MAX_PIECE
    assert sum(map(len, pieces)) <= MAX_TRACE + len("[]")
    assert len(spans) + dropped(offline) == 400
    assert len(spans) > 100


def test_a_step_that_is_too_long_is_told_without_its_values(offline: LocalWorker) -> None:
    (span,) = repeated(offline, "self.inner(value=['x' * 15000] * 50)")
    assert (span.name, span.facts) == ("inner", {})
    assert span.took_us >= 0


def test_values_that_are_none_of_the_protocols_are_told_by_their_type(offline: LocalWorker) -> None:
    body = """
        class Odd:
            def __iter__(self): raise RuntimeError
        self.inner(value=[Odd(), float("nan"), b"12", 2**70, "\\ud800\\0", {1: {2}}])
"""
    (span,) = repeated(offline, body.strip())
    value = ["<Odd>", "nan", "<2 bytes>", "<an integer of 71 bits>", "?\ufffd", {"1": [2]}]
    assert span.facts["inputs"] == {"value": value}


def test_calls_beside_each_other_have_traces_of_their_own(offline: LocalWorker) -> None:
    inner = LocalWorker(answers=offline.answers)
    inner.call("create_module", id="m", type="predict", signature="q -> answer")

    def search(_args: Mapping[str, Any]) -> list[str]:
        counts.append(len(traced(inner, module_id="m", inputs={"q": "?"})))
        return ["found"]

    counts: list[int] = []
    outer = LocalWorker(answers={**offline.answers, ReverseCommand.TOOL_CALL: search})
    outer.call("create_program", id="p", source=HOPS, tools=[SEARCH])
    assert len(traced(outer, **IN_HOPS)) == 10
    assert counts == [1, 1]
