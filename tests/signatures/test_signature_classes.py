"""A signature is declared as a class: its fields, types, instructions and name, and what is refused of each."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Any, Literal, NewType

import pydantic
import pytest
from typing_extensions import TypedDict

from dspash.errors import InvalidInputError
from dspash.signatures import Input, Output, Signature, SignatureType, signature_of, spec_of
from dspash_protocol.signature import parse_signature, parse_type, type_text


class Passage(pydantic.BaseModel):
    title: str
    year: int = 0


@dataclasses.dataclass
class Span:
    start: int
    end: int


class Options(TypedDict):
    depth: int


class Style(enum.Enum):
    LONG = "long"
    SHORT = "short"


Title = NewType("Title", str)


class RAG(Signature):
    """Answer from the passages.

    Cite them.
    """

    question: str = Input(desc="The question to answer")
    passages: list[str] = Input(desc="Retrieved passages")
    answer: str = Output()
    citations: list[int] = Output(desc="Passage indices used")


def test_a_class_says_what_text_says() -> None:
    told = parse_signature(
        'question: str "The question to answer", passages: list[str] "Retrieved passages"'
        ' -> answer: str, citations: list[int] "Passage indices used"',
        instructions="Answer from the passages.\n\nCite them.",
        name="RAG",
    )
    assert RAG.spec == told
    assert [field.name for field in RAG.input_fields] == ["question", "passages"]
    assert [field.name for field in RAG.output_fields] == ["answer", "citations"]
    assert RAG.instructions == "Answer from the passages.\n\nCite them."
    assert repr(RAG) == f"<Signature RAG: {RAG.text}>"


ANNOTATIONS: list[tuple[Any, str]] = [
    (str, "str"),
    (Any, "any"),
    (list, "list"),
    (dict, "dict"),
    (list[dict[str, float]], "list[dict[str, float]]"),
    (Literal["a", 1, True], 'Literal["a", 1, true]'),
    (Literal["a"] | None, 'Literal["a"] | None'),
    (Literal["a", None], 'Literal["a"] | None'),  # noqa: PYI061
    (int | str | None, "int | str | None"),
    (Annotated[int, "years"], "int"),
    (Title, "str"),
    (Style, 'Literal["long", "short"]'),
    (Passage, "Passage{title: str, year: int = 0}"),
    (list[Passage], "list[Passage{title: str, year: int = 0}]"),
    (Span, "Span{start: int, end: int}"),
    (Options, "Options{depth: int}"),
    ("string", "str"),
    ("integer", "int"),
    ("{:array, :string}", "list[str]"),
    ("{:map, :float}", "dict[str, float]"),
    ("map", "dict"),
    ("Image", "Image"),
    ("list[Tool]", "list[Tool]"),
]


@pytest.mark.parametrize(("annotation", "text"), ANNOTATIONS, ids=[text for _, text in ANNOTATIONS])
def test_types_may_be_pythons_or_the_grammars(annotation: Any, text: str) -> None:
    made = SignatureType(
        "Made", (Signature,), {"__annotations__": {"x": annotation}, "x": Input(), "y": Output()}
    )
    assert type_text(made.input_fields[0].type) == text
    assert made.input_fields[0].stated


def test_annotations_kept_as_text_find_the_names_around_the_class() -> None:
    class Local(pydantic.BaseModel):
        a: int

    class Asked(Signature):
        class Inner(pydantic.BaseModel):
            b: str

        local: list[Local] = Input()
        inner: Inner = Input()
        module: Passage = Input()
        picture: Image = Input()  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
        answer: str = Output()

    assert [type_text(field.type) for field in Asked.input_fields] == [
        "list[Local{a: int}]",
        "Inner{b: str}",
        "Passage{title: str, year: int = 0}",
        "Image",
    ]


def test_fields_may_be_optional_have_defaults_or_no_type() -> None:
    class Asked(Signature):
        anything = Input()
        hint: str | None = Input(optional=True)
        k: int = Input(default=3, desc="How many")
        style: Literal["long", "short"] = Input(default="short")
        answer: str = Output(optional=True)

    assert Asked.text == (
        'anything, hint?: str, k: int = 3 "How many", style: Literal["long", "short"] = "short" -> answer?: str'
    )
    assert Asked.instructions == ""


def test_a_subclass_adds_replaces_and_keeps_its_parents_instructions() -> None:
    class Cited(RAG):
        question: str = Input(desc="Another one")
        passages: list[str] = Output()
        k: int = Input(default=1)

    assert [field.name for field in Cited.input_fields] == ["question", "k"]
    assert Cited.input_fields[0].desc == "Another one"
    assert [field.name for field in Cited.output_fields] == ["answer", "citations", "passages"]
    assert Cited.instructions == RAG.instructions
    assert RAG.spec.inputs[0].desc == "The question to answer"


def test_signatures_are_equal_when_they_ask_the_same() -> None:
    again = Signature.parse(RAG.text, instructions=RAG.instructions, name="Other")
    assert again == RAG
    assert hash(again) == hash(RAG)
    assert again.content_hash == RAG.content_hash
    assert again.spec.name == "Other"
    assert len({again, RAG}) == 1
    assert Signature.parse(RAG.text) != RAG
    assert RAG.with_instructions("Say nothing.") != RAG
    assert RAG.with_instructions(RAG.instructions) == RAG
    assert Signature.parse("a: str -> b") != Signature.parse("a -> b"), (
        "an input without a type takes anything"
    )
    assert Signature.parse("a -> b: str") == Signature.parse("a -> b"), "an output without a type is text"
    assert Signature.parse("a, b -> c") != Signature.parse("b, a -> c")
    assert Signature != RAG
    assert (RAG == "RAG") is False


def test_the_content_hash_is_the_same_in_every_process() -> None:
    # Stored beside what it was taken of, so it may never change.
    assert (
        Signature.parse("question, k?: int -> answer: str").content_hash
        == "27a68c9830e7d394da67e987dc042061baca0350f329fee6b8ec1c89bb8bdb99"
    )


BODIES = [
    ("x: tuple[int] = Input()", "x", None, "'tuple' is no type; use list[...]"),
    ("x: Imag = Input()", "x", 0, "did you mean 'Image'?"),
    ("x: 'list[sting]' = Input()", "x", 5, "did you mean 'string'?"),
    ("x: None = Input()", "x", None, "None alone says nothing"),
    ("x: dict[list[int], int] = Input()", "x", None, "keys are str, int, float, bool or a Literal"),
    ("x: Literal[1.5] = Input()", "x", None, "1.5 cannot be an option"),
    ("x: 7 = Input()", "x", None, "7 is no type"),
    ("x: int = 3", "x", None, "neither input nor output"),
    ("x = 3", "x", None, "neither input nor output"),
    ("x: int", "x", None, "neither input nor output"),
    ("def x(self): pass", "x", None, "neither input nor output"),
    ("x: int = Input(default='a')", "x", None, "the default does not fit: int is wanted, this is str"),
    ("x = Input(default={1: 2})", "x", None, "the default is no JSON value: a key is int"),
    ("_x: int = Input()", "_x", None, "cannot name a field"),
    ("lm: str = Input()", "lm", None, "DSPy keeps this name for itself"),
    ("instructions: str = Output()", "instructions", None, "DSPy keeps this name for itself"),
]


@pytest.mark.parametrize(("body", "field", "position", "problem"), BODIES, ids=[body for body, *_ in BODIES])
@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"], ids=["now", "as text"])
def test_what_cannot_be_read_is_refused_by_class_and_field(
    body: str, field: str, position: int | None, problem: str, future: str
) -> None:
    if not future and ("Imag" in body or "Literal" in body):
        body = body.replace("Imag", "'Imag'")
    source = f"{future}class Asked(Signature):\n    {body}\n    answer: str = Output()\n"
    names = {
        "Signature": Signature,
        "Input": Input,
        "Output": Output,
        "Literal": Literal,
        "__name__": __name__,
    }
    with pytest.raises(InvalidInputError) as refused:
        exec(compile(source, "asked.py", "exec", dont_inherit=True), names)
    assert refused.value.path == "Asked"
    assert refused.value.details["field"] == field
    if position is not None:
        assert refused.value.details["position"] == position
    assert f"Asked, field {field!r}" in str(refused.value)
    assert problem in str(refused.value)


def test_text_that_cannot_be_read_names_field_and_character() -> None:
    with pytest.raises(InvalidInputError) as refused:
        Signature.parse("question, context: list[sting] -> answer")
    assert refused.value.details == {"path": "$", "field": "context", "position": 24}
    with pytest.raises(InvalidInputError, match="no '->' separates inputs from outputs"):
        Signature.parse("question")


def test_a_signature_is_not_called() -> None:
    with pytest.raises(TypeError, match=r"RAG is not called: give it to app\.module"):
        RAG(question="?")


def test_what_says_a_signature_is_read_alike() -> None:
    text = RAG.text
    for said in (RAG, text, RAG.to_map(), {"signature": text, "name": "RAG"}):
        assert signature_of(said).with_instructions("") == Signature.parse(text)
    assert spec_of(RAG) is RAG.spec
    assert spec_of(RAG.to_map()) == RAG.spec


@pytest.mark.parametrize("said", [None, 7, ["question"], {}, object, RAG.spec, Signature])
def test_what_says_none_is_refused_by_its_place(said: object) -> None:
    with pytest.raises(InvalidInputError) as refused:
        spec_of(said, path="$.modules[2].signature")
    assert refused.value.path.startswith("$.modules[2].signature")


def test_a_name_that_no_class_can_have_is_kept() -> None:
    made = Signature.parse("a -> b", name="Answer, please")
    assert made.spec.name == "Answer, please"
    assert made.__name__ == "ParsedSignature"
    assert "Answer, please" in repr(made)


def test_every_type_of_the_grammar_can_be_written_as_a_quoted_annotation() -> None:
    for text in ("list[{a: int}]", "Code['python']", "dict[int, any]", "File | None"):
        made = SignatureType(
            "Made", (Signature,), {"__annotations__": {"x": text}, "x": Input(), "y": Output()}
        )
        assert made.input_fields[0].type == parse_type(text)
