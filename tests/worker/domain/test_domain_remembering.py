"""What is remembered is what DSPy would have worked out."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import dspy
import pytest
from dspy.adapters import utils
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from dspash_worker.remembering import _adapter_of, _fields_of, remember

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
        fields = _fields_of(signature, side)
        assert list(fields) == names
        assert all(fields[name] is signature.model_fields[name] for name in names)
