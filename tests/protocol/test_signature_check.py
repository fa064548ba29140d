"""Inputs are checked against a signature in one go: everything missing, unknown and mistyped, each with its path."""

from __future__ import annotations

import pytest

from dspash_protocol.signature import (
    Problem,
    check_inputs,
    check_value_type,
    parse_signature,
    parse_type,
    summary,
)
from dspash_protocol.signature.check import MAX_PROBLEMS

SPEC = parse_signature(
    "question: str, passages: list[str], k?: int, style: Literal['long', 'short'] = 'short', hint -> answer"
)


def test_fitting_inputs_have_no_problems() -> None:
    assert check_inputs(SPEC, {"question": "?", "passages": ["a"], "hint": ["anything"]}) == []
    assert check_inputs(SPEC, {"question": "?", "passages": (), "k": None, "style": "long", "hint": 1}) == []


def test_everything_wrong_is_told_at_once() -> None:
    problems = check_inputs(
        SPEC, {"question": 7, "passages": ["a", 2], "k": "3", "style": "loud", "qestion": "x"}
    )
    assert problems == [
        Problem("$.inputs.question", "str is wanted, this is int"),
        Problem("$.inputs.passages[1]", "str is wanted, this is int"),
        Problem("$.inputs.k", "int is wanted, this is str"),
        Problem("$.inputs.style", "'loud' is none of 'long', 'short'"),
        Problem("$.inputs.hint", "missing"),
        Problem("$.inputs.qestion", "unknown; did you mean 'question'?"),
    ]
    assert summary(problems).startswith("6 problems: $.inputs.question: str is wanted, this is int; ")


def test_a_required_field_cannot_be_none() -> None:
    assert check_inputs(parse_signature("q: str -> a"), {"q": None}) == [
        Problem("$.inputs.q", "str is wanted, this is None")
    ]


def test_inputs_that_are_no_map_are_one_problem() -> None:
    assert check_inputs(SPEC, ["x"]) == [Problem("$.inputs", "a map of fields is wanted, this is list")]


def test_further_inputs_of_a_module_are_known() -> None:
    spec = parse_signature("q -> a")
    assert check_inputs(spec, {"q": 1, "completions": []}, also=("completions",)) == []


def test_problems_are_bounded() -> None:
    assert len(check_inputs(parse_signature("q: list[int] -> a"), {"q": ["x"] * 1000})) == MAX_PROBLEMS


FITS = [
    ("float", 3),
    ("float", 3.5),
    ("dict[int, str]", {"1": "a"}),
    ("dict[bool, str]", {"true": "a"}),
    ('dict[Literal["a"], int]', {"a": 1}),
    ("int | str", "x"),
    ("Optional[int]", None),
    ("{title: str, year?: int}", {"title": "T"}),
    ("{title: str, year?: int}", {"title": "T", "year": None}),
    ("Image", "https://example.org/a.png"),
    ("Image", {"$dspy": "Image", "url": "data:image/png;base64,AA=="}),
    ("File", b"%PDF"),
    ("History", {"messages": []}),
    ("Code", "print(1)"),
    ("list[Tool]", [{"$dspy": "Tool", "name": "search"}]),
    ("any", object()),
    ("list", [object()]),
    ("dict", {"a": object()}),
    ("dict[float, int]", {"1.5": 1}),
    ("dict[int, int]", {1: 1}),
]
MISFITS = [
    ("int", True, "$", "int is wanted, this is bool"),
    ("int", 1.0, "$", "int is wanted, this is float"),
    ("bool", 1, "$", "bool is wanted, this is int"),
    ("Literal[1]", True, "$", "True is none of 1"),
    ("list[str]", "abc", "$", "a list is wanted, this is str"),
    ("dict[str, int]", [], "$", "a map is wanted, this is list"),
    ("dict[str, int]", {"a b": "x"}, "$['a b']", "int is wanted, this is str"),
    ("dict[int, str]", {"x": "a"}, "$.x", "a key is to be int"),
    ("dict[float, str]", {"x": "a"}, "$.x", "a key is to be float"),
    ("int | str", [], "$", "int | str is wanted, this is list"),
    ("Optional[{a: int}]", {"a": "x"}, "$.a", "int is wanted, this is str"),
    ("list[{a: int}]", [{"a": 1}, {"b": 1}], "$[1].a", "missing"),
    ("Image", 7, "$", "a URL, a data URI or bytes is wanted for Image, this is int"),
    ("Image", {"$dspy": "Audio"}, "$", "is wanted for Image, this is dict"),
    ("History", "hello", "$", "a map with messages is wanted for History, this is str"),
]


@pytest.mark.parametrize(("text", "value"), FITS)
def test_value_fits(text: str, value: object) -> None:
    assert check_value_type(parse_type(text), value) == []


@pytest.mark.parametrize(("text", "value", "path", "message"), MISFITS)
def test_value_does_not_fit(text: str, value: object, path: str, message: str) -> None:
    problem = check_value_type(parse_type(text), value)[0]
    assert problem.path == path
    assert message in problem.message
