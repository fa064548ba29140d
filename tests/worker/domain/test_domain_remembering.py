"""What is remembered is what DSPy would have worked out."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import dspy
import pytest
from dspy._vendor.lm15 import serde
from dspy.adapters import ChatAdapter, JSONAdapter, XMLAdapter, utils
from dspy.adapters.decision import DecisionAdapter
from dspy.adapters.types.decision import Noul
from dspy.clients import execution
from dspy.lm15 import Usage, request_from_openai_chat
from dspy.predict import predict
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from dspash_worker.remembering import MOST_KEPT, _adapter_of, remember

remember()


class Colour(Enum):
    RED = "red"


class Point(BaseModel):
    x: int
    label: str | None = None


class Odd:
    def __str__(self) -> str:
        return "an odd one"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just(Colour.RED),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


def worked_out(value: Any) -> Any:
    return TypeAdapter(type(value)).dump_python(value, mode="json", fallback=str)


@given(VALUES)
def test_values_are_formatted_as_by_an_adapter_made_for_them(value: Any) -> None:
    assert utils.serialize_for_json(value) == worked_out(value)


@pytest.mark.parametrize("value", [Point(x=1), Point(x=2, label="b"), [Point(x=3)], {"p": Point(x=4)}])
def test_models_are_formatted_as_by_an_adapter_made_for_them(value: Any) -> None:
    assert utils.serialize_for_json(value) == worked_out(value)


def test_what_has_no_adapter_is_formatted_as_its_text() -> None:
    assert utils.serialize_for_json(Odd()) == "an odd one"
    assert utils.serialize_for_json(Odd()) == "an odd one"


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("3", int, 3),
        ("red", Colour, Colour.RED),
        ('["a"]', list[str], ["a"]),
        ("no", Literal["yes", "no"], "no"),
    ],
)
def test_answers_are_read_as_before(text: str, annotation: Any, value: Any) -> None:
    assert utils.parse_value(text, annotation) == value


def test_the_adapter_of_a_type_is_made_once_and_one_without_a_hash_each_time() -> None:
    assert _adapter_of(list[str]) is _adapter_of(list[str])
    unhashable = Annotated[list[str], []]
    assert _adapter_of(unhashable).validate_python(["a"]) == ["a"]


def signature_of(text: str) -> Any:
    make: Any = dspy.Signature  # a class whose metaclass reads the text
    return make(text)


def fields_of(signature: Any, side: str) -> dict[str, FieldInfo]:
    return getattr(signature, f"{side}_fields")


def test_every_change_of_a_signature_shows_in_its_fields() -> None:
    signature = signature_of("question, passages: list[str] -> answer")
    assert list(fields_of(signature, "input")) == ["question", "passages"]
    longer = signature.append("score", dspy.OutputField(), float)
    shorter = signature.delete("passages")
    told = signature.with_updated_fields("answer", desc="in a word")
    assert list(fields_of(longer, "output")) == ["answer", "score"]
    assert list(fields_of(shorter, "input")) == ["question"]
    extra: Any = fields_of(told, "output")["answer"].json_schema_extra
    assert extra["desc"] == "in a word"
    assert list(signature.fields) == ["question", "passages", "answer"]


def test_what_a_caller_does_with_the_fields_stays_with_the_caller() -> None:
    signature = signature_of("question -> answer")
    fields_of(signature, "input").clear()
    assert list(fields_of(signature, "input")) == ["question"]


def test_fields_are_those_that_pydantic_keeps() -> None:
    signature = signature_of("a: int, b: str -> c: bool, d: list[int]")
    for side, names in (("input", ["a", "b"]), ("output", ["c", "d"])):
        fields = fields_of(signature, side)
        assert list(fields) == names
        assert all(fields[name] is signature.model_fields[name] for name in names)


# --- texts ---


ADAPTERS = [ChatAdapter, JSONAdapter, XMLAdapter]
SIGNATURES = [
    "question -> answer",
    "question, passages: list[str] -> answer: str, score: float, sure: bool",
    "text -> label: Literal['a', 'b'], points: dict[str, int], maybe: Optional[int]",
    "image: dspy.Image, history: dspy.History -> code: dspy.Code, tool_calls: dspy.ToolCalls",
]


def written(adapter: Any, signature: Any) -> tuple[str, str]:
    return adapter.format_system_message(signature), adapter.user_message_output_requirements(signature)


def written_anew(kind: Any, signature: Any) -> tuple[str, str]:
    """The same from a class of its own, for which nothing is kept."""
    return written(type("Anew", (kind,), {})(), signature)


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("text", SIGNATURES)
def test_adapters_write_the_second_time_what_they_would_write_anew(kind: Any, text: str) -> None:
    signature = signature_of(text)
    for _ in range(2):
        assert written(kind(), signature) == written_anew(kind, signature)


def test_what_is_written_once_is_kept() -> None:
    signature = signature_of("question -> answer")
    assert ChatAdapter().format_system_message(signature) is ChatAdapter().format_system_message(signature)


def change_instructions(signature: Any) -> None:
    signature.instructions = "Answer in one word."


def change_description(signature: Any) -> None:
    signature.output_fields["answer"].json_schema_extra["desc"] = "a colour"


def add_constraints(signature: Any) -> None:
    signature.input_fields["question"].json_schema_extra["constraints"] = "no longer than a line"


def change_annotation(signature: Any) -> None:
    signature.output_fields["answer"].annotation = int


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize(
    "change", [change_instructions, change_description, add_constraints, change_annotation]
)
def test_a_signature_that_is_written_to_is_described_as_it_is_now(kind: Any, change: Any) -> None:
    signature = signature_of("question -> answer")
    before = written(kind(), signature)
    change(signature)
    assert written(kind(), signature) == written_anew(kind, signature) != before


def test_an_adapter_of_ones_own_writes_each_time() -> None:
    calls: list[Any] = []

    class Own(ChatAdapter):
        def format_field_structure(self, signature: Any) -> str:
            calls.append(signature)
            return f"as often as {len(calls)} times"

    signature = signature_of("question -> answer")
    first, second = (Own().format_system_message(signature) for _ in range(2))
    assert first != second


def test_more_signatures_than_are_kept_are_all_described() -> None:
    made = [signature_of(f"question -> answer{number}") for number in range(MOST_KEPT + 2)]
    for signature in (*made, made[0]):
        (name,) = fields_of(signature, "output")
        assert f"`{name}`" in ChatAdapter().format_system_message(signature)


# --- decisions ---


# Noul is a class; only for type checkers it is a function.


class Judged(dspy.Signature):
    """Is it so?"""

    claim: str = dspy.InputField()
    holds: Noul = dspy.OutputField(desc="whether it holds")  # pyright: ignore[reportGeneralTypeIssues]


class JudgedInside(dspy.Signature):
    """Are they so?"""

    claim: str = dspy.InputField()
    holds: list[Noul] = dspy.OutputField(desc="whether each holds")  # pyright: ignore[reportGeneralTypeIssues]


def test_an_adapter_is_itself_where_nothing_is_decided_and_another_where_something_is() -> None:
    adapter, lm = ChatAdapter(), dspy.utils.DummyLM([])
    plain = signature_of("question -> answer")
    for _ in range(2):
        assert predict.resolve_adapter(lm, adapter, plain, {}, plain) is adapter
        assert isinstance(predict.resolve_adapter(lm, adapter, Judged, {}, Judged), DecisionAdapter)
    with pytest.raises(ValueError, match="unsupported outputs"):
        predict.resolve_adapter(lm, adapter, plain, {"answer": {"threshold": 0.5}}, plain)


def test_a_decision_inside_another_type_is_warned_of_each_time() -> None:
    for _ in range(2):
        with pytest.warns(UserWarning, match="nested output"):
            predict.resolve_adapter(dspy.utils.DummyLM([]), ChatAdapter(), JudgedInside, {}, JudgedInside)


# --- requests ---


BODY: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}],
}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 1.0, "max_tokens": 10},
    {"temperature": 1, "max_tokens": 10},
    {"stop": "\n", "seed": 3, "top_p": 0.5},
    {"stop": ["a", "b"]},
    {"logit_bias": {"5": 1}},
    {"metadata": {"a": "b"}, "temperature": 0.2},
    {"response_format": {"type": "json_object"}},
    {"user": "somebody", "logprobs": True, "top_logprobs": 2},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("compat", [None, "deepseek"])
def test_requests_are_read_as_before(settings: dict[str, Any], compat: str | None) -> None:
    body = {**BODY, **settings}
    for _ in range(2):
        read = execution.request_from_openai_chat(body, compat=compat)
        anew = request_from_openai_chat(body, compat=compat or "openai")
        assert read == anew
        assert repr(read.config) == repr(anew.config)  # which tells 1 from 1.0


def test_settings_that_cannot_be_are_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match="logprobs"):
            execution.request_from_openai_chat({**BODY, "logprobs": 2})


def test_what_is_kept_of_settings_cannot_be_written_to() -> None:
    body = {**BODY, "seed": 3, "logit_bias": {"5": 1}, "presence_penalty": 0.5}
    first, second = (execution.request_from_openai_chat(body).config for _ in range(2))
    assert first == second
    assert first.extensions is None or first.extensions is not second.extensions


# --- usage ---


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"input_tokens": 3, "output_tokens": 4},
        {"input_tokens": 3, "output_tokens": 4, "total_tokens": 8, "reasoning_tokens": 0},
        {"input_tokens": 3.0, "output_tokens": 4},
        {"input_tokens": 3, "something": "else"},
    ],
)
def test_usage_is_read_as_before(told: dict[str, Any]) -> None:
    for _ in range(2):
        assert serde.usage_from_dict(told) == Usage(**{name: told[name] for name in told if "tokens" in name})


@pytest.mark.parametrize("count", [-1, True, 0.5, "3"])
def test_usage_that_cannot_be_is_refused_each_time(count: Any) -> None:
    serde.usage_from_dict({"input_tokens": 1})
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match="input_tokens"):
            serde.usage_from_dict({"input_tokens": count})
