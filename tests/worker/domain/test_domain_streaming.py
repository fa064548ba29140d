"""Streamed runs tell their text fields piece by piece and answer as the others do."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from dspash_protocol import Command, EventKind, Fault, FaultError, FaultKind, ReverseCommand
from dspash_worker.cancellation import CallCancelled
from dspash_worker.running import execute, forward
from dspash_worker.testing import LocalCall, LocalWorker, chat_text, completion, completion_events

BOUND_S = 10.0
LONG = "The tower stands in Paris, where it was built for a fair."


def pieces(worker: LocalWorker, **of: str) -> str:
    items = worker.events(EventKind.ITEM)
    return "".join(
        item.get("text", "") for item in items if all(item.get(key) == value for key, value in of.items())
    )


@pytest.mark.parametrize("adapter", ["chat", "json", "xml"])
def test_pieces_of_each_text_field_make_up_its_value(scripted: Any, adapter: str) -> None:
    written = {
        "chat": chat_text(reasoning="because of it", score=0.5, answer=LONG),
        "json": f'{{"reasoning": "because of it", "score": 0.5, "answer": "{LONG}"}}',
        "xml": f"<reasoning>\nbecause of it\n</reasoning>\n<score>\n0.5\n</score>\n<answer>\n{LONG}\n</answer>",
    }
    worker: LocalWorker = scripted(written[adapter])
    worker.call("configure", adapter=adapter)
    worker.call("create_module", id="m", type="chain_of_thought", signature="q -> score: float, answer")
    answer = worker.call("forward", module_id="m", inputs={"q": "?"}, stream=True, detail=True)
    assert answer["fields"] == {"reasoning": "because of it", "answer": LONG, "score": 0.5}
    assert answer["usage"]["scripted"]["total_tokens"] > 0
    assert pieces(worker, field="answer", predictor="predict").strip().strip('"') == LONG
    # DSPy's JSON listener lets quotes, and what follows in the same piece, through.
    assert "because of it" in pieces(worker, field="reasoning")
    assert {item["field"] for item in worker.events(EventKind.ITEM)} == {"reasoning", "answer"}


def test_predictors_that_run_again_stream_again(scripted: Any) -> None:
    worker: LocalWorker = scripted({"answer": "first answer"}, {"answer": "second answer"})
    parts = [{"name": "say", "type": "predict", "signature": "q -> answer"}]
    worker.call(
        "create_program",
        id="p",
        forward_fn="self.say(q=1)\nresult = {'out': self.say(q=2).answer}",
        modules=parts,
    )
    assert worker.call("execute", program_id="p", inputs={}, stream=True) == {"out": "second answer"}
    assert pieces(worker) == "first answersecond answer"


def test_a_program_without_text_fields_streams_nothing_and_answers(scripted: Any) -> None:
    worker: LocalWorker = scripted({"n": 5})
    worker.call("create_module", id="m", type="predict", signature="q -> n: int")
    assert worker.call("forward", module_id="m", inputs={"q": "?"}, stream=True) == {"n": 5}
    assert pieces(worker) == ""


def test_programs_without_predictors_and_with_other_results_end(scripted: Any) -> None:
    worker: LocalWorker = scripted("unused")
    worker.call("create_program", id="p", forward_fn="result = {'n': 1}")
    assert worker.call("execute", program_id="p", inputs={}, stream=True) == {"n": 1}
    worker.call("create_program", id="p", forward_fn="result = 'text'")
    assert "returned str" in worker.fault("execute", program_id="p", inputs={}, stream=True).message


def test_status_is_told_when_tools_are_called(scripted: Any) -> None:
    worker: LocalWorker = scripted(
        {"next_thought": "t", "next_tool_name": "search", "next_tool_args": {"query": "x"}},
        {"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}},
        {"reasoning": "r", "answer": "a"},
    )
    tools = [{"name": "search", "args": {"query": {"type": "string"}}}]
    worker.call("create_module", id="m", type="react", signature="q -> answer", tools=tools)
    worker.call("forward", module_id="m", inputs={"q": "?"}, stream=True)
    statuses = [item["status"] for item in worker.events(EventKind.ITEM) if "status" in item]
    assert "Calling tool search..." in statuses


def test_a_program_says_what_it_is_doing_in_its_own_words(scripted: Any) -> None:
    worker: LocalWorker = scripted({"answer": "a"})
    source = """
import dspy
class Words(dspy.streaming.StatusMessageProvider):
    def lm_start_status_message(self, instance, inputs):
        return f"asking {instance.model}"
    def module_end_status_message(self, outputs):
        return f"done: {outputs.answer}" if "answer" in outputs else None
class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.say = dspy.Predict("q -> answer")
        self.status_message_provider = Words()
    def forward(self, q):
        return self.say(q=q)
"""
    worker.call("create_program", id="p", source=source)
    worker.call("execute", program_id="p", inputs={"q": "?"}, stream=True)
    told = [item["status"] for item in worker.events(EventKind.ITEM) if "status" in item]
    assert told == ["asking scripted", "done: a", "done: a"]
    assert pieces(worker, field="answer") == "a"


def test_failures_of_a_streamed_run_are_its_own(scripted: Any) -> None:
    worker: LocalWorker = scripted(FaultError(Fault(FaultKind.LM_ERROR, "no luck", details={"code": "auth"})))
    worker.call("create_module", id="m", type="predict", signature="q -> answer")
    fault = worker.fault("forward", module_id="m", inputs={"q": "?"}, stream=True)
    assert (fault.kind, fault.message) == (FaultKind.LM_ERROR, "no luck")
    worker.call("create_program", id="p", forward_fn="result = 1 / q")
    fault = worker.fault("execute", program_id="p", inputs={"q": 0}, stream=True)
    assert (fault.kind, fault.details["line"]) == (FaultKind.PROGRAM_ERROR, 1)


def test_a_cancelled_stream_ends_with_everything_it_started(scripted: Any) -> None:
    worker: LocalWorker = scripted("unused")
    worker.call("create_module", id="m", type="predict", signature="q -> answer")
    call = LocalCall(Command.FORWARD, {"module_id": "m", "inputs": {"q": "?"}, "stream": True})

    def cancel_midway(_args: Any) -> Any:
        for number, event in enumerate(completion_events(completion(chat_text(answer=LONG)))):
            if number == 8:
                call.cancelled = "enough"
            yield event

    call._answers = {ReverseCommand.LM_STREAM: cancel_midway}
    before = set(threading.enumerate())
    with pytest.raises(CallCancelled):
        forward(worker.workbench, cast("Any", call))
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(BOUND_S)
    assert not [thread.name for thread in started if thread.is_alive()]


def test_a_plain_session_is_answered_without_items(scripted: Any) -> None:
    worker = LocalWorker(full=False)
    worker.call("create_program", id="p", forward_fn="result = {'n': n}")
    call = LocalCall(Command.EXECUTE, {"program_id": "p", "inputs": {"n": 1}, "stream": True}, full=False)
    assert execute(worker.workbench, cast("Any", call)) == {"n": 1}
    assert call.events == []
