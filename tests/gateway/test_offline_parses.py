"""Whatever signature is asked for, DSPy's own adapters read the offline model's answer back."""

from __future__ import annotations

from typing import Any

import dspy
import pydantic
import pytest
from dspy._vendor.lm15.result import StreamAccumulator
from dspy._vendor.lm15.serde import (
    request_from_dict,
    response_from_dict,
    response_to_dict,
    stream_event_from_dict,
)
from gateway_engine import ADAPTERS, OfflineEngine, asking, signature_of, text_of
from hypothesis import given, settings
from hypothesis import strategies as st
from signature_strategies import Case, cases

from dspash.gateway import JsonMap, ModelRequestError, OfflineModel


@pytest.mark.parametrize("adapter", ADAPTERS)
@settings(max_examples=40)
@given(case=cases(), temperature=st.sampled_from([None, 1.0]))
def test_every_output_field_is_there_and_of_its_type(
    adapter: str, case: Case, temperature: float | None
) -> None:
    engine = OfflineEngine()
    lm = dspy.LM("offline", engine=engine, cache=False, num_retries=0, temperature=temperature)
    predict = dspy.Predict(case.signature)
    predict.demos = case.demos
    with dspy.context(lm=lm, adapter=ADAPTERS[adapter]()):
        prediction = predict(**case.inputs)
    for name, field in case.signature.output_fields.items():
        annotation: Any = field.annotation
        if annotation is not Any:
            pydantic.TypeAdapter(annotation).validate_python(prediction[name])


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_adapters_read_plain_types_at_the_first_attempt(
    adapter: str, engine: OfflineEngine, lm: dspy.LM
) -> None:
    """No second call through the JSON adapter: what a prompt says is enough to answer in its own layout."""
    signature = signature_of(
        "question, passages: list[str] -> reasoning, answer, n: int, share: float, sure: bool, names: list[str],"
        " label: Literal['a', 'b c'], counts: dict[str, int], maybe: Optional[int]"
    )
    with dspy.context(adapter=ADAPTERS[adapter](), lm=lm):
        dspy.Predict(signature)(question="Who built it?", passages=["Ann Lee built it in 1889."])
    assert len(engine.said) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
parts = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=200)}),
    st.fixed_dictionaries({"type": st.just("thinking"), "text": st.text(max_size=20)}),
    st.fixed_dictionaries(
        {"type": st.just("image"), "media_type": st.just("image/png"), "data": st.just("AA==")}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("tool_call"),
            "id": st.just("call_0"),
            "name": st.sampled_from(["search", "submit"]),
            "input": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("tool_result"),
            "id": st.just("call_0"),
            "content": st.lists(
                st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=50)}), max_size=2
            ),
        }
    ),
)
messages = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "tool", "developer"]),
            "parts": st.lists(parts, min_size=1, max_size=3),
        }
    ),
    min_size=1,
    max_size=4,
)
tools = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "name": st.sampled_from(["search", "submit", "add"]),
            "parameters": st.just(
                {"type": "object", "properties": {"query": {"type": "string"}, "k": {"type": "integer"}}}
            ),
        }
    ),
    max_size=2,
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0.0, 0.7, 2.0]),
        "max_tokens": st.integers(1, 50),
        "stop": st.lists(st.text(min_size=1, max_size=2), max_size=2),
        "response_format": st.sampled_from(
            [
                {"type": "json_object"},
                {
                    "type": "json_schema",
                    "schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
                },
                {
                    "type": "json_schema",
                    "schema": {
                        "type": "object",
                        "properties": {"a": {"$ref": "#/$defs/A"}},
                        "$defs": {"A": {"$ref": "#/$defs/A"}},
                    },
                },
            ]
        ),
        "tool_choice": st.sampled_from([{"mode": "none"}, {"mode": "auto"}]),
    },
)
requests = st.fixed_dictionaries(
    {"model": st.just("offline"), "messages": messages},
    optional={"system": st.text(max_size=100), "tools": tools, "config": configs},
)


@settings(max_examples=300)
@given(request=requests)
def test_any_conversation_is_answered_with_a_valid_response(request: JsonMap) -> None:
    response = OfflineModel().complete(request, meta={}, deadline=None)
    read = response_from_dict(response)
    assert response_to_dict(read) == response
    assert response["model"] == "offline"


@settings(max_examples=200)
@given(request=requests, rollout=st.none() | st.integers(0, 3))
def test_a_stream_is_the_completion_in_pieces(request: JsonMap, rollout: int | None) -> None:
    model, meta = OfflineModel(), JsonMap(rollout_id=rollout)
    whole = response_from_dict(model.complete(request, meta=meta, deadline=None))
    accumulator = StreamAccumulator(request_from_dict(asking("x")))
    events = [stream_event_from_dict(event) for event in model.stream(request, meta=meta, deadline=None)]
    for event in events:
        accumulator.push(event)
    assert events[0].type == "start"
    assert [event.type for event in events].count("end") == 1
    assert events[-1].type == "end"
    assert accumulator.response() == whole


@settings(max_examples=300)
@given(
    request=st.dictionaries(
        st.sampled_from(["model", "messages", "system", "tools", "config", "x"]), json_values
    )
)
def test_what_is_no_request_is_refused_with_a_path(request: JsonMap) -> None:
    assert place_of_refusal(request).startswith("$")


def place_of_refusal(request: JsonMap) -> str:
    """Return the path that a refusal names; that of the whole request when it was answered after all."""
    try:
        response_from_dict(OfflineModel().complete(request, meta={}, deadline=None))
    except ModelRequestError as error:
        return error.path
    return "$"


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        ({}, "$.messages"),
        ({"messages": []}, "$.messages"),
        ({"messages": ["hello"]}, "$.messages[0]"),
        ({"messages": [{"role": "narrator", "parts": []}]}, "$.messages[0].role"),
        ({"messages": [{"role": "user", "parts": 3}]}, "$.messages[0].parts"),
        ({"messages": [{"role": "user", "parts": [{"text": "x"}]}]}, "$.messages[0].parts[0].type"),
        (asking("x", tools=[{"type": "function"}]), "$.tools[0].name"),
        (asking("x", config={"temperature": "hot"}), "$.config.temperature"),
        (asking("x", config={"max_tokens": 0}), "$.config.max_tokens"),
        (asking("x", config=[]), "$.config"),
    ],
)
def test_a_bad_request_is_refused_where_it_is_bad(request_: JsonMap, place: str) -> None:
    with pytest.raises(ModelRequestError) as caught:
        OfflineModel().complete(request_, meta={}, deadline=None)
    assert caught.value.path == place


def test_max_tokens_ends_the_answer_with_length() -> None:
    question = "Context: The magic word is xyzzy, which nobody had ever spoken aloud before.\n\nWhat is the magic word?"
    whole = OfflineModel().complete(asking(question), meta={}, deadline=None)
    cut = OfflineModel().complete(asking(question, config={"max_tokens": 3}), meta={}, deadline=None)
    assert (whole["finish_reason"], cut["finish_reason"]) == ("stop", "length")
    assert text_of(whole).startswith(text_of(cut))
    assert 0 < len(text_of(cut)) < len(text_of(whole))
    usage = cut["usage"]
    assert isinstance(usage, dict)
    assert usage["output_tokens"] == 3


def test_stop_sequences_end_the_answer_without_them() -> None:
    answer = text_of(
        OfflineModel().complete(asking("hello", config={"stop": [" no LLM"]}), meta={}, deadline=None)
    )
    assert answer.endswith("a program and")
