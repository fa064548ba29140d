"""A plain chat is asked and read as DSPy asks and reads it, and whatever is not plain is DSPy's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import dspy
import pytest
from dspy.clients._deprecation import adapter_message_call
from dspy.utils.callback import BaseCallback
from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol import Command, Fault, FaultError, FaultKind, ReverseCommand
from dspash_worker import lm_calls
from dspash_worker.current import CALL_SETTING, running
from dspash_worker.engine import AsyncGatewayEngine, GatewayEngine
from dspash_worker.history import History
from dspash_worker.lm_calls import NotedLM
from dspash_worker.plain_chat import read_plain_answer, write_plain_request
from dspash_worker.testing import LocalCall, chat_text, completion
from dspash_worker.usage import SharedUsage

Messages = list[dict[str, Any]]

SYSTEM: Final = {"role": "system", "content": "Be brief."}
QUESTION: Final = {"role": "user", "content": "Who – or what?"}
ANSWER: Final = completion("Nobody.")


def lm_with(**options: Any) -> NotedLM:
    engine, async_engine = GatewayEngine("m"), AsyncGatewayEngine("m")
    terms = {"num_retries": 0, "cache": False, **options}
    return NotedLM("m", notes=History(), engine=engine, async_engine=async_engine, **terms)


@contextmanager
def dspys_own_way() -> Generator[None]:
    """Nothing is plain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lm_calls, "write_plain_request", lambda *_: None)
        yield


def outcome_of(
    lm: NotedLM, messages: Any, options: Mapping[str, Any], answer: Callable[[Any], Any], **settings: Any
) -> dict[str, Any]:
    """All that can be seen of one call that an adapter makes: what was sent, what came of it, and what was noted."""
    call = LocalCall(Command.FORWARD, {}, answers={ReverseCommand.LM_COMPLETE: answer})
    usage, seen = SharedUsage(), dict[str, Any]()
    given = {CALL_SETTING: call, "usage_tracker": usage, "disable_history": True, **settings}
    with running(call), dspy.context(**given), warnings.catch_warnings(record=True) as warned:  # type: ignore[arg-type]
        warnings.simplefilter("always")
        try:
            with adapter_message_call(lm, messages):
                seen["outputs"] = lm(messages=messages, **options)
        except Exception as error:  # noqa: BLE001 - whatever it is, both ways are to raise it
            seen["error"] = (type(error), str(error), type(error.__cause__), getattr(error, "fault", None))
    noted = lm._notes.last(1)
    for entry in noted:
        del entry["at"], entry["number"]
    return {
        **seen,
        "asked": call.asked,
        "usage": usage.totals(),
        "noted": noted,
        "warned": [str(warning.message) for warning in warned],
    }


def both_ways(
    messages: Any,
    options: Mapping[str, Any] | None = None,
    answer: Callable[[Any], Any] = lambda _: ANSWER,
    **made_with: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    ours = outcome_of(lm_with(**made_with), messages, options or {}, answer)
    with dspys_own_way():
        theirs = outcome_of(lm_with(**made_with), messages, options or {}, answer)
    return ours, theirs


def is_plain(
    lm: NotedLM, messages: Messages, options: Mapping[str, Any] | None = None, **settings: Any
) -> bool:
    with dspy.context(disable_history=True, **settings), adapter_message_call(lm, messages):
        return write_plain_request(lm, messages, options or {}) is not None


TEXTS = st.text(alphabet=st.characters(codec="utf-8"))
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "developer", "tool", "nobody"]),
            "content": TEXTS
            | st.just([{"type": "text", "text": "in parts"}])
            | st.none()
            | st.just("\ud800"),
        },
        optional={"name": st.just("n")},
    ),
    max_size=4,
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([None, 0, 0.0, 0.5, 1, True, "hot", float("nan")]),
        "max_tokens": st.sampled_from([None, 10, -1, 1.5]),
        "n": st.sampled_from([None, 1, 2, True, 1.0, 0]),
        "rollout_id": st.sampled_from([None, 0, 3]),
        "stop": st.sampled_from([None, "end", ["a", "b"]]),
        "seed": st.sampled_from([0, 7]),
        "top_logprobs": st.just(2),
        "logprobs": st.booleans(),
        "api_key": st.sampled_from([None, "k"]),
        "reasoning_effort": st.sampled_from(["low", "silly"]),
        "tools": st.just([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]),
        "unheard_of": st.just(1),
        "prompt_cache": st.sampled_from([None, "x"]),
        "cache": st.booleans(),
    },
)


@given(MESSAGES, OPTIONS)
def test_whatever_is_asked_is_asked_and_answered_as_dspy_does(
    messages: Messages, options: dict[str, Any]
) -> None:
    ours, theirs = both_ways(messages, options)
    assert ours == theirs


@given(
    st.lists(
        st.sampled_from([SYSTEM, QUESTION, {"role": "assistant", "content": "?"}]), min_size=1, max_size=4
    )
)
def test_chats_of_texts_are_asked_as_dspy_does(messages: Messages) -> None:
    ours, theirs = both_ways(messages, {"temperature": 0.5, "max_tokens": 9})
    assert ours == theirs


ANSWERS: Final[dict[str, Any]] = {
    "text": ANSWER,
    "empty text": completion(""),
    "no usage": {name: part for name, part in ANSWER.items() if name != "usage"},
    "usage that is none": {**ANSWER, "usage": [1]},
    "details of usage": {
        **ANSWER,
        "usage": {"input_tokens": 3, "cache_read_tokens": 2, "reasoning_tokens": 1},
    },
    "counts below zero": {**ANSWER, "usage": {"input_tokens": -3}},
    "counts that are flags": {**ANSWER, "usage": {"input_tokens": True}},
    "counts that are fractions": {**ANSWER, "usage": {"output_tokens": 2.0}},
    "cut off": {**ANSWER, "finish_reason": "length"},
    "an unheard-of end": {**ANSWER, "finish_reason": "boredom"},
    "an id": {**ANSWER, "id": "r-1"},
    "an empty id": {**ANSWER, "id": ""},
    "no model": {**ANSWER, "model": ""},
    "of somebody else": {**ANSWER, "message": {**ANSWER["message"], "role": "user"}},
    "two texts": {
        **ANSWER,
        "message": {"role": "assistant", "parts": [{"type": "text", "text": t} for t in "ab"]},
    },
    "thinking": {
        **ANSWER,
        "message": {
            "role": "assistant",
            "parts": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "so"}],
        },
    },
    "a call of a tool": {
        **ANSWER,
        "finish_reason": "tool_call",
        "message": {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "1", "name": "f", "input": {}}],
        },
    },
    "no parts": {**ANSWER, "message": {"role": "assistant", "parts": []}},
    "a part that is text": {**ANSWER, "message": {"role": "assistant", "parts": ["plain"]}},
    "text that is none": {**ANSWER, "message": {"role": "assistant", "parts": [{"type": "text", "text": 1}]}},
    "more than is known": {**ANSWER, "novelty": 1},
    "data of a provider": {**ANSWER, "provider_data": {"a": [1]}},
    "adaptations": {
        **ANSWER,
        "adaptations": [{"field": "seed", "action": "dropped", "reason": "no such dial"}],
    },
    "nothing": None,
    "a list": [],
    "an empty map": {},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_is_answered_is_read_as_dspy_does(name: str) -> None:
    ours, theirs = both_ways([SYSTEM, QUESTION], answer=lambda _: ANSWERS[name])
    assert ours == theirs
    assert len(ours["asked"]) == 1  # however odd, an answer that was paid for is the answer


FAULTS: Final = {
    "limit": FaultError(
        Fault(FaultKind.LM_ERROR, "slow down", details={"code": "rate_limit", "retry_after": 2})
    ),
    "refusal": FaultError(
        Fault(FaultKind.LM_ERROR, "use /v1/responses", details={"code": "invalid_request", "status": 400})
    ),
    "no host": ConnectionError("gone"),
    "defect": ZeroDivisionError("oh"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_failures_are_those_that_dspy_makes_of_them(name: str) -> None:
    def fail(_args: Any) -> Any:
        raise FAULTS[name]

    ours, theirs = both_ways([QUESTION], answer=fail)
    assert ours == theirs
    assert "error" in ours
    assert len(ours["asked"]) == 1


def test_usual_calls_are_plain() -> None:
    assert is_plain(lm_with(), [SYSTEM, QUESTION])
    assert is_plain(lm_with(temperature=0.7, max_tokens=100), [SYSTEM, QUESTION], {"rollout_id": 3, "n": 1})
    assert read_plain_answer(ANSWER) is not None


class Listener(BaseCallback):
    pass


class OwnWay(NotedLM):
    def forward(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
        raise NotImplementedError


UNUSUAL: Final[dict[str, Callable[[], bool]]] = {
    "a callback of the model's": lambda: is_plain(lm_with(callbacks=[Listener()]), [QUESTION]),
    "a callback of everybody's": lambda: is_plain(lm_with(), [QUESTION], callbacks=[Listener()]),
    "a stream": lambda: is_plain(lm_with(), [QUESTION], send_stream=object()),
    "a cache": lambda: is_plain(lm_with(cache=True), [QUESTION]),
    "retries": lambda: is_plain(lm_with(num_retries=1), [QUESTION]),
    "responses": lambda: is_plain(lm_with(model_type="responses"), [QUESTION]),
    "a way of its own": lambda: is_plain(
        OwnWay("m", notes=History(), engine=GatewayEngine("m"), num_retries=0, cache=False), [QUESTION]
    ),
    "several answers": lambda: is_plain(lm_with(), [QUESTION], {"n": 2}),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_dspy_has_to_attend_to_is_left_to_it(name: str) -> None:
    assert not UNUSUAL[name]()


def test_a_history_that_a_program_turned_on_is_written_by_dspy() -> None:
    lm, messages = lm_with(), [QUESTION]
    with dspy.context(disable_history=False), adapter_message_call(lm, messages):
        assert write_plain_request(lm, messages, {}) is None


def test_whoever_is_no_adapter_hears_that_messages_are_deprecated() -> None:
    call = LocalCall(Command.FORWARD, {}, answers={ReverseCommand.LM_COMPLETE: lambda _: ANSWER})
    settings: dict[str, Any] = {CALL_SETTING: call, "disable_history": True}
    with dspy.context(**settings), pytest.warns(DeprecationWarning, match="message dictionaries"):
        assert lm_with()(messages=[QUESTION]) == ["Nobody."]


def test_what_was_kept_of_a_setting_cannot_be_written_to() -> None:
    lm, messages = lm_with(temperature=0.25), [QUESTION]
    with dspy.context(disable_history=True), adapter_message_call(lm, messages):
        first = write_plain_request(lm, messages, {})
        assert first is not None
        first["config"]["temperature"] = 9.0
        assert write_plain_request(lm, messages, {}) == {**first, "config": {"temperature": 0.25}}
    read = read_plain_answer(ANSWER)
    assert read is not None
    read.usage.clear()
    read.counts.clear()
    again = read_plain_answer(ANSWER)
    assert again is not None
    assert again.usage["prompt_tokens"] == again.counts["input_tokens"] == 1


def test_a_program_sees_of_a_plain_chat_what_it_sees_of_dspys(scripted: Any) -> None:
    def run() -> tuple[Any, Any, Any]:
        worker = scripted({"reasoning": "r", "answer": "a"}, chat_text(answer="only"))
        worker.call("create_module", id="qa", type="chain_of_thought", signature="question -> answer")
        told = worker.call("forward", module_id="qa", inputs={"question": "?"}, detail=True, trace=True)
        asked = list(worker.last.asked)
        fault = worker.fault("forward", module_id="qa", inputs={"question": "??"})
        return told, asked, fault

    ours = run()
    with dspys_own_way():
        theirs = run()
    assert ours == theirs
