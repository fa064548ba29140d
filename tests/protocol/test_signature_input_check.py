"""InputCheck finds what check_inputs finds, whatever it is given; it is only quicker where all is well."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol.signature import InputCheck, Problem, check_inputs, parse_signature

TYPES = [
    "",
    *(
        f": {type_}"
        for type_ in (
            "str",
            "int",
            "float",
            "bool",
            "any",
            "list",
            "list[str]",
            "list[list[int]]",
            "dict",
            "dict[str, float]",
            "dict[int, str]",
            "Literal['a', 'b']",
            "Literal[1, true]",
            "str | None",
            "int | list[str]",
            "any | None",
            "{title: str, year?: int}",
            "Image",
        )
    ),
]
SUFFIXES = ["", "?"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(-1, 1),
    st.sampled_from(["a", "b", "1"]),
    st.binary(max_size=2),
)
KEYS = st.one_of(st.sampled_from(["a", "1", "title", "year"]), st.integers(0, 2))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)


@given(
    fields=st.lists(st.tuples(st.sampled_from(SUFFIXES), st.sampled_from(TYPES)), min_size=1, max_size=3),
    inputs=st.dictionaries(st.sampled_from(["f0", "f1", "f2", "more", "other"]), VALUES, max_size=4),
)
def test_it_finds_what_check_inputs_finds(fields: list[tuple[str, str]], inputs: dict[str, Any]) -> None:
    text = ", ".join(f"f{index}{suffix}{type_}" for index, (suffix, type_) in enumerate(fields))
    spec = parse_signature(f"{text} -> answer")
    assert InputCheck(spec).problems(inputs) == check_inputs(spec, inputs)
    assert InputCheck(spec, also=["more"]).problems(inputs) == check_inputs(spec, inputs, also=["more"])


@given(VALUES)
def test_it_finds_it_whatever_the_inputs_are(inputs: Any) -> None:
    spec = parse_signature("a: str, b?: int -> answer")
    assert InputCheck(spec).problems(inputs) == check_inputs(spec, inputs)


def test_problems_name_their_place_below_the_path() -> None:
    check = InputCheck(parse_signature("q: str -> a"))
    assert check.problems({"q": 1}, path="$.rows[3]") == [
        Problem("$.rows[3].q", "str is wanted, this is int")
    ]
    assert repr(check) == "<InputCheck q>"


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("question -> answer", {"question": "?"}),
        ("question: str, context: list[str], k?: int -> answer", {"question": "?", "context": ["a"] * 3}),
        ("text: str, style: Literal['long', 'short'] = 'long' -> out", {"text": "t", "style": "short"}),
        ("scores: dict[str, float], note: str | None -> out", {"scores": {"a": 1, "b": 0.5}, "note": None}),
    ],
)
def test_plain_inputs_that_fit_are_never_looked_at_twice(
    signature: str, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = InputCheck(parse_signature(signature))

    def slow(*_: object, **__: object) -> list[Problem]:
        raise AssertionError("the slow check was asked")

    monkeypatch.setattr("dspash_protocol.signature.input_check.check_inputs", slow)
    assert check.problems(inputs) == []
