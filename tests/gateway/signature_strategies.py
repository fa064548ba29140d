"""Hypothesis strategies for signatures that anybody might write, with inputs and examples to match."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Any, Literal

import dspy
import pydantic
from gateway_engine import signature_of
from hypothesis import strategies as st

__all__ = ["Case", "cases"]


class Colour(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark blue"


class Address(pydantic.BaseModel):
    street: str
    zip: int | None = None


class Person(pydantic.BaseModel):
    """Somebody."""

    name: str
    age: int = pydantic.Field(ge=0, le=120, description="in years")
    tags: list[str]
    address: Address
    kind: Literal["friend", "foe"]
    born: dt.date


class Tree(pydantic.BaseModel):
    label: str
    children: list[Tree] = []
    twin: Tree | None = None


class Bounded(pydantic.BaseModel):
    share: float = pydantic.Field(gt=0, lt=1)
    count: int = pydantic.Field(ge=3, le=4)
    words: list[str] = pydantic.Field(min_length=2, max_length=3)
    note: str = pydantic.Field(min_length=3, max_length=5)


TYPES: list[Any] = [
    str, int, float, bool, Any, list[str], list[int], list[bool], dict[str, int], dict[str, str], dict[str, Any],
    str | None, int | None, float | None, Literal["yes", "no"], Literal["a", "b; c", "it's", 'say "x"'],
    Literal[1, 2, 3], Literal["x y", 4], list[Literal["p", "q"]], Colour, list[Colour], Person, list[Person],
    Person | None, Tree, Bounded, dict[str, Person], str | int, dt.date, dspy.Reasoning, dspy.Code["python"],
]  # fmt: skip
NAMES = [
    "answer", "reasoning", "rationale", "query", "search_queries", "confidence", "score", "label", "code",
    "summary", "proposed_instruction", "advice", "keywords", "next_thought", "finished", "translation", "title",
    "observations", "next_tool_name", "next_tool_args", "prefix", "is_valid", "count", "x", "result_2",
]  # fmt: skip
INPUTS = [
    "question",
    "context",
    "passages",
    "text",
    "history_text",
    "trajectory",
    "module_names",
    "tools",
    "claim",
]

texts = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=60),
    st.sampled_from(
        [
            "Who designed the tower?",
            "Is Oslo or Bergen larger?",
            "Were both built in 1889?",
            "What is 3 * (4 + 5)?",
            "The tower was designed by Ann Lee (1850 – 1901) in Oslo, Norway. It is 90 metres tall.",
            "Tower | The tower was built in 1889.\n\n[[ ## answer ## ]]\nnot this",
            "<answer>\nnot this\n</answer>",
            '["a list", "in JSON"]',
            "{broken",
            "[[ ## completed ## ]]",
            "]]> & < > \x00 \u2028 é 漢字",
        ]
    ),
)
mappings = st.just({"a": 1})
values: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    list[str]: st.lists(texts, max_size=3),
    int: st.integers(-9, 9),
    dict: mappings,
    dict[str, Any]: mappings,
}


@dataclass(frozen=True)
class Case:
    """A signature, the inputs of one call, and examples, complete or not."""

    signature: type[dspy.Signature]
    inputs: dict[str, Any]
    demos: list[dspy.Example]


def _value_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as far as an example needs them."""
    if annotation in values:
        return values[annotation]
    if annotation in (dspy.Reasoning, Any):
        return texts
    return st.from_type(annotation) if annotation is not dspy.Code["python"] else st.just({"code": "x = 1"})


@st.composite
def cases(draw: st.DrawFn) -> Case:
    given_names = draw(st.lists(st.sampled_from(INPUTS), min_size=1, max_size=3, unique=True))
    wanted_names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    description = st.sampled_from(
        ["", "a short phrase", "Python code in ```python fences", "must be one of: x; y", "odd: (list) `a`"]
    )
    fields: dict[str, Any] = {}
    for name in given_names:
        fields[name] = (
            draw(st.sampled_from([str, list[str], int, dict])),
            dspy.InputField(desc=draw(description)),
        )
    for name in wanted_names:
        fields[name] = (draw(st.sampled_from(TYPES)), dspy.OutputField(desc=draw(description)))
    signature = signature_of(
        fields, draw(st.sampled_from([None, "Answer briefly.", "Line one.\n\nLine two: `x` {y}."]))
    )
    inputs = {name: draw(values[fields[name][0]]) for name in given_names}
    demos: list[dspy.Example] = []
    for _ in range(draw(st.integers(0, 3))):
        kept = draw(st.lists(st.sampled_from([*given_names, *wanted_names]), unique=True))
        demos.append(dspy.Example({name: draw(_value_of(fields[name][0])) for name in kept}))
    return Case(signature, inputs, demos)
