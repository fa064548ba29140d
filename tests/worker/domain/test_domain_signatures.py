"""Every signature of the grammar becomes a DSPy signature that means the same, and inputs are built for it."""

from __future__ import annotations

import warnings
from typing import Any, Literal, Optional, Union, get_args

import dspy
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol import FaultError
from dspash_protocol.signature import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    STR,
    DspyType,
    Field,
    ListOf,
    LiteralOf,
    MapOf,
    ObjectOf,
    SignatureSpec,
    SpecialName,
    Type,
    optional_of,
    parse_signature,
    parse_type,
    union_of,
)
from dspash_worker.signatures import (
    AnyInputs,
    NamedInputs,
    SignatureInputs,
    annotation_of,
    build_signature,
    inputs_of_function,
)
from dspash_worker.tools import Tool, read_tools

ANNOTATIONS: list[tuple[str, Any]] = [
    ("str", str),
    ("any", Any),
    ("list[list[int]]", list[list[int]]),
    ("dict[str, float]", dict[str, float]),
    ("Literal['a', 1, True]", Literal["a", 1, True]),
    ("int | None", Optional[int]),  # noqa: UP045
    ("int | str | None", Union[int, str, None]),  # noqa: UP007
    ("Image", dspy.Image),
    ("list[ToolCalls]", list[dspy.ToolCalls]),
    ("History", dspy.History),
]


@pytest.mark.parametrize(("text", "expected"), ANNOTATIONS)
def test_types_become_the_annotations_that_dspy_reads(text: str, expected: Any) -> None:
    assert annotation_of(parse_type(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "question -> answer",
        "question: str, context: list[str] -> answer: str, confidence: float",
        "a: int | None -> b: bool",
    ],
)
def test_signatures_equal_dspys_own_reading(text: str) -> None:
    make: Any = dspy.Signature
    own: Any = make(text)
    ours: Any = build_signature(parse_signature(text))
    assert ours.equals(own)
    assert {name: field.annotation for name, field in ours.fields.items()} == {
        name: field.annotation for name, field in own.fields.items()
    }


def test_objects_become_models_with_their_names_defaults_and_descriptions() -> None:
    spec = parse_signature('q -> the_book: {title: str "as printed", year?: int, tags: list[str] = ["new"]}')
    model: Any = build_signature(spec).output_fields["the_book"].annotation
    assert model.__name__ == "TheBook"
    assert model(title="T").model_dump() == {"title": "T", "year": None, "tags": ["new"]}
    assert model.model_fields["title"].description == "as printed"
    with pytest.raises(pydantic.ValidationError):
        model(year=3)


def test_optional_inputs_and_defaults_reach_the_prompt() -> None:
    signature: Any = build_signature(parse_signature("q, k: int = 3, hint?: str -> a"))
    assert (signature.input_fields["k"].default, signature.input_fields["hint"].default) == (3, None)
    assert get_args(signature.input_fields["hint"].annotation) == (str, type(None))


def test_descriptions_and_instructions_are_kept() -> None:
    signature: Any = build_signature(
        parse_signature('q "the question" -> a?: str "short"', instructions="Be brief.", name="Ask")
    )
    assert signature.instructions == "Be brief."
    assert signature.__name__ == "Ask"
    assert signature.input_fields["q"].json_schema_extra["desc"] == "the question"
    assert get_args(signature.output_fields["a"].annotation) == (str, type(None))


def test_names_that_hide_pydantics_methods_make_no_noise() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signature: Any = build_signature(
            parse_signature("copy, json -> schema: {copy: str, model_name: str}")
        )
    assert list(signature.input_fields) == ["copy", "json"]


SCALARS: st.SearchStrategy[Type] = st.sampled_from([STR, INT, FLOAT, BOOL, ANY])
NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True).map(lambda name: f"f_{name}")


def _larger(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    fields = st.lists(
        st.builds(Field, NAMES, inner, optional=st.booleans()),
        min_size=1,
        max_size=3,
        unique_by=lambda field: field.name,
    )
    return st.one_of(
        inner.map(ListOf),
        st.builds(MapOf, st.sampled_from([STR, INT]), inner),
        inner.map(optional_of),
        st.lists(inner, min_size=2, max_size=3).map(union_of),
        fields.map(lambda parts: ObjectOf(tuple(parts))),
    )


TYPES = st.recursive(
    st.one_of(
        SCALARS,
        st.sampled_from([SpecialName.CODE, SpecialName.REASONING, SpecialName.HISTORY]).map(DspyType),
        st.lists(st.sampled_from(["a", "b", 1, True]), min_size=1, max_size=2, unique=True).map(
            lambda values: LiteralOf(tuple(values))
        ),
    ),
    _larger,
    max_leaves=6,
)


@given(st.lists(TYPES, min_size=1, max_size=2))
def test_every_type_makes_a_signature_that_an_adapter_can_format(types: list[Type]) -> None:
    fields = tuple(Field(f"field_{index}", type_) for index, type_ in enumerate([STR, *types]))
    signature: Any = build_signature(SignatureSpec(fields[:1], fields[1:]))
    messages = dspy.ChatAdapter().format(signature, [], {"field_0": "x"})
    assert "field_1" in messages[0]["content"]


def test_inputs_are_built_where_their_type_asks_for_it() -> None:
    spec = parse_signature(
        "files: list[File], author: {name: str}, notes: dict[str, Code], either: Image | int, plain -> a"
    )
    inputs = SignatureInputs(spec)
    given = {
        "files": ["data:text/plain;base64,eA=="],
        "author": {"name": "A"},
        "notes": {"n": "x = 1"},
        "either": "https://example.org/a.png",
        "plain": {"$dspy": "Reasoning", "content": "r"},
    }
    built = inputs.accept(given)
    assert isinstance(built["files"][0], dspy.File)
    assert built["author"].name == "A"
    assert built["notes"]["n"].code == "x = 1"
    assert isinstance(built["either"], dspy.Image)
    assert isinstance(built["plain"], dspy.Reasoning)
    assert inputs.accept({**given, "either": 3})["either"] == 3


@pytest.mark.parametrize(
    ("text", "value", "problem"),
    [
        ("x: Image", "not a picture", "$.inputs.x: "),
        ("x: Audio", "AAAA", "$.inputs.x: "),
        (
            "x: list[History]",
            [{"messages": [], "more": 1}],
            "$.inputs.x[0].more: Extra inputs are not permitted",
        ),
        ("x: ToolCalls", {"tool_calls": [{"args": {}}]}, "$.inputs.x.name: Input should be a valid string"),
    ],
)
def test_what_cannot_be_built_is_told_by_its_place(text: str, value: Any, problem: str) -> None:
    with pytest.raises(FaultError) as caught:
        SignatureInputs(parse_signature(f"{text} -> a")).accept({"x": value})
    assert caught.value.fault.message.startswith(problem)


def test_inputs_of_functions_are_their_parameters() -> None:
    def plain(self: Any, a: Any, b: int = 1) -> None: ...
    def open_ended(a: Any, **rest: Any) -> None: ...
    def anything(**rest: Any) -> None: ...

    assert inputs_of_function(plain) == NamedInputs(frozenset({"a"}), frozenset({"a", "b"}))
    assert inputs_of_function(open_ended) == NamedInputs(frozenset({"a"}), None)
    assert inputs_of_function(anything) == AnyInputs()
    assert inputs_of_function(7) == AnyInputs()
    assert inputs_of_function(open_ended).accept({"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert (inputs_of_function(plain).names, AnyInputs().names) == (frozenset({"a", "b"}), None)
    with pytest.raises(FaultError, match="a map of fields is wanted, this is list"):
        AnyInputs().accept([])
    with pytest.raises(FaultError, match="this is missing"):
        inputs_of_function(plain).accept(None)


def test_host_tools_are_functions_with_parameters_types_and_text() -> None:
    import inspect

    args = {
        "query": {"type": "string"},
        "k": {"type": "integer", "default": 3},
        "late": {},
        "odd": {"type": "tuple"},
    }
    tool: Tool = read_tools([{"name": "search", "description": "Finds", "args": args}], full=True)["search"]
    assert str(inspect.signature(tool.function)) == "(query: str, k: int = 3, *, late: Any, odd: Any)"
    assert inspect.getsource(tool.function).startswith("def search(query, k=3, *, late, odd):\n    'Finds'\n")
    assert tool.to_dspy().args == args
    any_args = read_tools(["call"], full=True)["call"]
    assert str(inspect.signature(any_args.function)) == "(**arguments)"
    own = read_tools([{"name": "join", "import": "posixpath:join"}], full=False)["join"]
    assert own.to_dspy()(a="x") == "x"
    with pytest.raises(FaultError, match="is no function"):
        read_tools([{"name": "sep", "import": "posixpath:sep"}], full=True)
