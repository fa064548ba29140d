"""Signature: what a module is asked, declared as a class or read from text."""

from __future__ import annotations

import inspect
from typing import Any, Final, NoReturn

from dspash.signatures.class_body import names_around, spec_of_class
from dspash.signatures.content_hash import content_hash_of
from dspash.signatures.declaration import Declaration
from dspash.signatures.refusal import invalid_signature
from dspash_protocol.signature import (
    Field,
    SignatureError,
    SignatureSpec,
    parse_signature,
    signature_map,
    signature_text,
)
from dspash_protocol.signature.tokens import is_name

__all__ = ["Signature", "SignatureType"]

_EMPTY: Final = SignatureSpec((), ())
_UNNAMED: Final = "ParsedSignature"


class SignatureType(type):
    """The class of signatures. Two are equal when they ask the same: fields and instructions, whatever their names."""

    spec: SignatureSpec
    """What it says, as a value of the signature grammar."""

    content_hash: str
    """SHA-256 of fields and instructions, in hexadecimal: the same in every process."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], *, spec: SignatureSpec | None = None
    ) -> SignatureType:
        declared = {key: value for key, value in body.items() if isinstance(value, Declaration)}
        made = super().__new__(
            cls, name, bases, {key: value for key, value in body.items() if key not in declared}
        )
        if spec is None:
            parents = [base.spec for base in bases if isinstance(base, SignatureType)]
            try:
                names = names_around(made, inspect.currentframe())
                spec = spec_of_class(made, declared, parents, names) if parents else _EMPTY
            except SignatureError as error:
                raise invalid_signature(error.under(name)) from None
        made.spec = spec
        made.content_hash = content_hash_of(spec)
        return made

    def __init__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], *, spec: SignatureSpec | None = None
    ) -> None:
        super().__init__(name, bases, body)

    def __call__(cls, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            f"{cls.__name__} is not called: give it to app.module; text is read by dspash.Signature.parse"
        )

    def __repr__(cls) -> str:
        return f"<Signature {cls.spec.name or 'without a name'}: {cls.text}>"

    def __eq__(cls, other: object) -> bool:
        return isinstance(other, SignatureType) and cls.content_hash == other.content_hash

    def __hash__(cls) -> int:
        return hash(cls.content_hash)

    # --- what it says ---

    @property
    def instructions(cls) -> str:
        """What the model is told to do: the docstring. Empty: DSPy writes a sentence from the fields."""
        return cls.spec.instructions

    @property
    def input_fields(cls) -> tuple[Field, ...]:
        """The fields that are given, in order."""
        return cls.spec.inputs

    @property
    def output_fields(cls) -> tuple[Field, ...]:
        """The fields that the model writes, in order."""
        return cls.spec.outputs

    @property
    def text(cls) -> str:
        """The canonical text of its fields, which parses to the same fields."""
        return signature_text(cls.spec)

    def to_map(cls) -> dict[str, Any]:
        """Return it as the wire carries it: `{inputs, outputs, instructions?, name?}`."""
        return signature_map(cls.spec)

    def to_arguments(cls) -> dict[str, Any]:
        """Return what `app.signatures.create` takes, which keeps it under its name."""
        told = signature_map(cls.spec)
        inputs, outputs = (
            [
                {("description" if key == "desc" else key): value for key, value in field.items()}
                for field in fields
            ]
            for fields in (told["inputs"], told["outputs"])
        )
        return {
            "name": cls.spec.name,
            "inputs": inputs,
            "outputs": outputs,
            "docstring": cls.spec.instructions,
        }

    # --- others like it ---

    def parse(cls, text: str, *, instructions: str = "", name: str = "") -> SignatureType:
        """Read `"question, context: list[str] -> answer: str, confidence: float"`; nothing in it is evaluated.

        Raises InvalidInputError naming the field and the character.
        """
        try:
            return cls.of_spec(parse_signature(text, instructions=instructions, name=name))
        except SignatureError as error:
            raise invalid_signature(error) from None

    def of_spec(cls, spec: SignatureSpec) -> SignatureType:
        """Return the signature that says `spec`."""
        return SignatureType(spec.name if is_name(spec.name) else _UNNAMED, (Signature,), {}, spec=spec)

    def with_instructions(cls, instructions: str) -> SignatureType:
        """Return the same fields under other instructions."""
        spec = cls.spec
        return cls.of_spec(SignatureSpec(spec.inputs, spec.outputs, instructions, spec.name))


class Signature(metaclass=SignatureType):
    """What a module is asked: typed inputs and outputs under instructions, which are the docstring of a subclass.

    class RAG(dspash.Signature):
        \"\"\"Answer from the passages.\"\"\"
        question: str = dspash.Input(desc="The question to answer")
        passages: list[str] = dspash.Input()
        answer: str = dspash.Output()

    Types are those of the signature grammar, in Python's spelling or its own (`"{:array, :string}"`), and pydantic
    models, dataclasses, TypedDicts and enums of text. A subclass of a signature adds fields to it, or replaces them.
    It is given wherever a signature string is, as in `app.module("predict", RAG)`.
    """
