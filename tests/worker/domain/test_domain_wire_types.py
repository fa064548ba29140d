"""Values cross as plain types and come back as what they were, or are refused with their path."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import uuid
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import dspy
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol import FaultError, FaultKind, check_value
from dspash_worker.wire_types import from_wire, to_wire


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Book(pydantic.BaseModel):
    title: str
    tags: tuple[str, ...] = ()


@dataclasses.dataclass
class Point:
    x: int
    y: float


CASES: list[tuple[Any, Any]] = [
    ((1, 2), [1, 2]),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    ({1: "a", None: "b", Colour.RED: "c"}, {"1": "a", "None": "b", "red": "c"}),
    (Colour.RED, "red"),
    (Level.HIGH, 3),
    (dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC), "2024-05-06T07:08:00+00:00"),
    (dt.date(2024, 5, 6), "2024-05-06"),
    (dt.timedelta(minutes=1.5), 90.0),
    (Decimal("1.10"), "1.10"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (PurePosixPath("a/b"), "a/b"),
    (bytearray(b"x"), b"x"),
    (Book(title="T", tags=("a",)), {"title": "T", "tags": ["a"]}),
    (Point(1, 2.5), {"x": 1, "y": 2.5}),
    (dspy.Prediction(answer="x", points=[Point(1, 2.0)]), {"answer": "x", "points": [{"x": 1, "y": 2.0}]}),
    (dspy.Example(a=1).with_inputs("a"), {"a": 1}),
    (dspy.Reasoning(content="because"), "because"),
    ({"inner": [Book(title="T")]}, {"inner": [{"title": "T", "tags": []}]}),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_python_values_have_a_plain_form(value: Any, expected: Any) -> None:
    wire = to_wire(value)
    check_value(wire)
    assert wire == expected


def test_numpys_numbers_are_pythons() -> None:
    np = pytest.importorskip("numpy", reason="numpy is missing (pip extra dspash[optimizers])")
    assert to_wire({"f": np.float32(0.5), "d": np.float64(0.25), "i": np.int64(7), "b": np.bool_(True)}) == {
        "f": 0.5,
        "d": 0.25,
        "i": 7,
        "b": True,
    }
    assert to_wire(np.array([[1, 2]])) == [[1, 2]]


TAGGED: list[tuple[Any, dict[str, Any]]] = [
    (dspy.Image("https://example.org/a.png"), {"$dspy": "Image", "url": "https://example.org/a.png"}),
    (dspy.Audio(data="AAAA", audio_format="wav"), {"$dspy": "Audio", "data": "AAAA", "audio_format": "wav"}),
    (dspy.File(file_id="f1"), {"$dspy": "File", "file_id": "f1"}),
    (dspy.History(messages=[{"q": "a"}]), {"$dspy": "History", "messages": [{"q": "a"}]}),
    (dspy.Code["java"](code="x;"), {"$dspy": "Code", "code": "x;", "language": "java"}),
    (
        dspy.ToolCalls.from_dict_list([{"name": "search", "args": {"query": "x"}}]),
        {"$dspy": "ToolCalls", "tool_calls": [{"id": None, "name": "search", "args": {"query": "x"}}]},
    ),
]


@pytest.mark.parametrize(("value", "expected"), TAGGED)
def test_dspy_types_travel_under_their_name_and_come_back(value: Any, expected: dict[str, Any]) -> None:
    wire = to_wire({"field": [value]})
    check_value(wire)
    assert wire == {"field": [expected]}
    assert to_wire(from_wire(wire)) == wire
    assert type(from_wire(wire)["field"][0]).__name__ == type(value).__name__


def test_tools_travel_as_what_is_told_of_them() -> None:
    tool = dspy.Tool(lambda x: x, name="echo", desc="Says it again", args={"x": {"type": "string"}})
    assert to_wire(tool) == {
        "$dspy": "Tool",
        "name": "echo",
        "desc": "Says it again",
        "args": {"x": {"type": "string"}},
    }


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("not even this")


LOOP: list[Any] = []
LOOP.append(LOOP)

REFUSED: list[tuple[Any, str, str]] = [
    ({"a": [1, object()]}, "$.a[1]", "object has no form on the wire"),
    ({"a": Odd()}, "$.a", "Odd has no form on the wire"),
    ({"a": {"b": float("inf")}}, "$.a.b", "inf is not a finite number"),
    (Point(2**64, 0.0), "$.x", "an integer of 65 bits"),
    ({(1, 2): "a"}, "$", "keys are text"),
    (Book, "$", "has no form on the wire"),
    (lambda: None, "$", "function has no form on the wire"),
]


@pytest.mark.parametrize(("value", "path", "problem"), REFUSED)
def test_values_without_a_form_are_refused_with_their_path(value: Any, path: str, problem: str) -> None:
    with pytest.raises(FaultError) as caught:
        to_wire(value)
    assert caught.value.fault.kind is FaultKind.UNSERIALISABLE
    assert caught.value.fault.details["path"] == path
    assert problem in caught.value.fault.message


def test_values_inside_themselves_are_refused() -> None:
    with pytest.raises(FaultError, match="nested deeper than 100 levels"):
        to_wire(LOOP)


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        ({"a": {"$dspy": "Picture"}}, "$.a.$dspy", "'Picture' is no DSPy type"),
        ({"$dspy": 7}, "$.$dspy", "7 is no DSPy type"),
        ([{"$dspy": "Image"}], "$[0]", "this is no Image"),
        ({"$dspy": "History", "messages": "x"}, "$", "this is no History"),
        ({"$dspy": "Audio", "data": 3}, "$", "this is no Audio"),
    ],
)
def test_tags_that_name_nothing_are_refused_with_their_path(value: Any, path: str, problem: str) -> None:
    with pytest.raises(FaultError) as caught:
        from_wire(value)
    assert caught.value.fault.details["path"] == path
    assert problem in caught.value.fault.message


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.binary(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(JSON)
def test_plain_values_are_left_as_they_are(value: Any) -> None:
    assert to_wire(value) == value
    assert from_wire(value) == value
