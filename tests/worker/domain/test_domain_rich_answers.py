"""What models understand beside text, and what they say beside it, crosses to the host and back whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import dspy
import pytest

from dspash_protocol import Command, Fault, FaultError, FaultKind, ReverseCommand
from dspash_worker.testing import LocalCall, LocalWorker, chat_text, completion, completion_events

ABLE = {
    "supports_function_calling": True,
    "supports_response_schema": True,
    "supports_reasoning": True,
    "supported_params": ["temperature", "reasoning_effort", "response_format", "tools", "logprobs"],
}
LOGPROBS = [
    {"token": "yes", "logprob": -0.25, "bytes": [121, 101, 115], "top": [{"token": "no", "logprob": -2.0}]}
]


def said(*parts: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A model's answer of these parts."""
    whole = completion("")
    return {**whole, **more, "message": {"role": "assistant", "parts": list(parts)}}


def text(**fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": chat_text(**fields)}


def run(answer: Mapping[str, Any] | Exception, program: Callable[[], Any]) -> tuple[Any, LocalCall]:
    """What `program` comes to with a model that can do all and says `answer`, and the call it was run in."""

    def answered(_args: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    answers = {
        ReverseCommand.LM_CAPABILITIES: lambda _args: ABLE,
        ReverseCommand.LM_COMPLETE: answered,
        ReverseCommand.LM_STREAM: lambda args: completion_events(answered(args)),
    }
    call = LocalCall(Command.FORWARD, {}, answers=answers)
    with LocalWorker().workbench.context(cast("Any", call)):
        return program(), call


def request_of(call: LocalCall) -> Mapping[str, Any]:
    """The one request that was made."""
    (request,) = (args["request"] for command, args in call.asked if command is ReverseCommand.LM_COMPLETE)
    return request


def test_a_models_own_reasoning_fills_the_field_that_wants_it() -> None:
    answer = said({"type": "thinking", "text": "It is tall."}, text(answer="yes"))

    def program() -> Any:
        class Think(dspy.Signature):
            question: str = dspy.InputField()
            reasoning: dspy.Reasoning = dspy.OutputField()
            answer: str = dspy.OutputField()

        return dspy.Predict(Think)(question="Is it tall?")

    prediction, call = run(answer, program)
    assert (str(prediction.reasoning), prediction.answer) == ("It is tall.", "yes")
    assert request_of(call)["config"]["reasoning"] == {"effort": "low"}


def test_logprobs_are_asked_for_and_told() -> None:
    answer = said(text(answer="yes"), logprobs=LOGPROBS)
    prediction, call = run(answer, lambda: dspy.Predict("q -> answer", logprobs=True)(q="?"))
    assert prediction.answer == "yes"
    (token,) = prediction.logprobs["content"]
    assert (token["token"], token["logprob"], token["top_logprobs"][0]["token"]) == ("yes", -0.25, "no")
    assert request_of(call)["config"]["logprobs"] is not None


def test_tools_are_called_by_the_model_itself() -> None:
    answer = said({"type": "tool_call", "id": "c1", "name": "look", "input": {"at": "tower"}})

    def program() -> Any:
        def look(at: str) -> str:
            """Look at something."""
            return at

        class Act(dspy.Signature):
            question: str = dspy.InputField()
            tools: list[dspy.Tool] = dspy.InputField()
            calls: dspy.ToolCalls = dspy.OutputField()

        with dspy.context(adapter=dspy.ChatAdapter(use_native_function_calling=True)):
            return dspy.Predict(Act)(question="?", tools=[dspy.Tool(look)])

    prediction, call = run(answer, program)
    assert [(made.name, made.args) for made in prediction.calls.tool_calls] == [("look", {"at": "tower"})]
    (tool,) = request_of(call)["tools"]
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "look", "Look at something.")
    assert tool["parameters"]["properties"] == {"at": {"type": "string"}}


@pytest.mark.parametrize(
    ("made", "part"),
    [
        (
            lambda: dspy.Image("data:image/png;base64,AAAA"),
            {"type": "image", "media_type": "image/png", "data": "AAAA"},
        ),
        (
            lambda: dspy.Image("https://example.org/a.png"),
            {"type": "image", "url": "https://example.org/a.png"},
        ),
        (lambda: dspy.Audio(data="AAAA", audio_format="wav"), {"type": "audio", "data": "AAAA"}),
        (
            lambda: dspy.File(file_data="data:application/pdf;base64,AAAA", filename="a.pdf"),
            {"type": "document", "media_type": "application/pdf", "data": "AAAA"},
        ),
    ],
    ids=["image", "image elsewhere", "audio", "file"],
)
def test_media_are_parts_of_the_request(made: Callable[[], Any], part: dict[str, Any]) -> None:
    medium = made()

    def program() -> Any:
        fields: Any = {
            "medium": (type(medium), dspy.InputField()),
            "answer": (str, dspy.OutputField()),
        }
        signature: Any = dspy.Signature(fields)  # pyright: ignore[reportCallIssue]
        return dspy.Predict(signature)(medium=medium)

    prediction, call = run(said(text(answer="seen")), program)
    assert prediction.answer == "seen"
    parts = [item for message in request_of(call)["messages"] for item in message["parts"]]
    assert any(item.items() >= part.items() for item in parts), parts


def test_a_schema_is_sent_where_the_model_takes_one() -> None:
    def program() -> Any:
        with dspy.context(adapter=dspy.JSONAdapter()):
            return dspy.Predict("q -> words: list[str]")(q="?")

    prediction, call = run(said({"type": "text", "text": '{"words": ["a"]}'}), program)
    assert prediction.words == ["a"]
    assert request_of(call)["config"]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize("way", ["called", "awaited", "streamed"])
def test_failures_say_the_same_in_every_way_of_calling(way: str) -> None:
    details = {
        "code": "rate_limit",
        "retry_after": 2.5,
        "provider": "openai",
        "status": 429,
        "request_id": "req_1",
    }
    predict: Any = dspy.Predict("q -> answer")

    def program() -> Any:
        if way == "called":
            return predict(q="?")
        if way == "awaited":
            return asyncio.run(predict.acall(q="?"))
        return list(dspy.streamify(predict, async_streaming=False)(q="?"))  # type: ignore[call-overload]

    with pytest.raises(dspy.LMRateLimitError, match="slow down") as caught:
        run(FaultError(Fault(FaultKind.LM_ERROR, "slow down", details=details)), program)
    error = caught.value
    assert (error.status, error.request_id, error.retry_after, error.provider) == (
        429,
        "req_1",
        2.5,
        "openai",
    )


def test_tokens_of_every_way_of_calling_are_counted() -> None:
    worker = LocalWorker()
    answer = completion(chat_text(answer="yes"))
    answers = {
        ReverseCommand.LM_COMPLETE: lambda _args: answer,
        ReverseCommand.LM_STREAM: lambda _args: completion_events(answer),
    }
    call = LocalCall(Command.FORWARD, {}, answers=answers)
    predict: Any = dspy.Predict("q -> answer")
    with worker.workbench.context(cast("Any", call)) as usage:
        predict(q="?")
        asyncio.run(predict.acall(q="?"))
        list(dspy.streamify(predict, async_streaming=False)(q="?"))  # type: ignore[call-overload]
    assert usage.totals()["default"]["total_tokens"] == 3 * answer["usage"]["total_tokens"]
