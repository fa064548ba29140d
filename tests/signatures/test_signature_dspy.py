"""A signature goes to DSPy and comes back the same; a host that has loaded DSPy may give its classes."""

from __future__ import annotations

from typing import Any, Literal, cast

import dspy
import pytest

from dspash.errors import InvalidInputError
from dspash.signatures import Input, Output, Signature, SignatureType, signature_of
from dspash_protocol.signature import read_signature
from dspash_worker.signatures import build_signature


class Judge(Signature):
    """Judge the answer."""

    question: str = Input(desc="What was asked")
    untyped = Input()
    context: list[str] | None = Input(optional=True)
    k: int = Input(default=3)
    weights: dict[str, float] = Input(default={"a": 0.5})
    picture: "Image" = Input()  # noqa: F821, UP037  # pyright: ignore[reportUndefinedVariable]
    source: "Code['python']" = Input()  # noqa: F821, UP037  # pyright: ignore[reportUndefinedVariable]
    verdict: Literal["right", "wrong"] = Output(desc="One word")
    reasons: list[str] = Output()


SIGNATURES = [
    Judge,
    Signature.parse("question -> answer"),
    Signature.parse("q: str, a: Work{title: str, year: int = 3} -> x: list[Item{b: int}], y: Tool | None"),
    Signature.parse("history: History, sound: Audio -> calls: ToolCalls, thought: Reasoning"),
    Signature.parse("-> joke: str", instructions="Be funny.", name="Joke"),
]


@pytest.mark.parametrize("signature", SIGNATURES, ids=[made.text[:40] for made in SIGNATURES])
def test_what_goes_to_dspy_comes_back(signature: SignatureType) -> None:
    there: Any = build_signature(read_signature(signature.to_map()))
    assert issubclass(there, dspy.Signature)
    back = signature_of(there)
    assert back == signature
    assert back.instructions == signature.instructions


def test_dspys_own_classes_are_taken() -> None:
    class Asked(dspy.Signature):
        """Answer."""

        question: str = dspy.InputField(desc="The question")
        picture: dspy.Image = dspy.InputField()
        answer: str = dspy.OutputField()

    signature = signature_of(Asked)
    assert signature.text == 'question: str "The question", picture: Image -> answer: str'
    assert (signature.instructions, signature.spec.name) == ("Answer.", "Asked")


def test_instructions_that_dspy_wrote_itself_are_none() -> None:
    assert signature_of(cast("Any", dspy.Signature)("a, b -> c")) == Signature.parse("a, b -> c")


def test_a_dspy_class_with_a_type_that_is_none_here_is_refused_by_its_field() -> None:
    class Asked(dspy.Signature):
        when: tuple[int, int] = dspy.InputField()
        answer: str = dspy.OutputField()

    with pytest.raises(InvalidInputError, match=r"field 'when': 'tuple' is no type; use list") as refused:
        signature_of(Asked)
    assert refused.value.path == "$.signature"
