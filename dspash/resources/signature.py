"""Signature: what a module is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dspash.errors import InvalidInputError, Problem
from dspash.resources.kernel import Attribute, Resource, Scene, Values, create, generic, update
from dspash.signatures import content_hash_of
from dspash_protocol.signature import Field as SpecField
from dspash_protocol.signature import (
    SignatureError,
    SignatureSpec,
    parse_signature,
    read_signature,
    type_text,
)

if TYPE_CHECKING:
    from dspash.signatures import SignatureType

__all__ = ["FieldSpec", "Signature"]


class FieldSpec(BaseModel):
    """One input or output: its name, its type in the canonical text of the grammar, and what it is for.

    Without a type an input takes anything, and an output is text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str | None = None
    description: str = ""
    optional: bool = False
    default: JsonValue = None


class Signature(Resource, table="signatures"):
    """What a module is asked: typed inputs and outputs, under instructions."""

    name: Annotated[str, Attribute("How people and modules refer to it.", unique=True, max_length=200)]
    docstring: Annotated[str, Attribute("The instructions that the model is given.")] = ""
    input_fields: Annotated[tuple[FieldSpec, ...], Attribute("What it is asked with, in order.")] = ()
    output_fields: Annotated[tuple[FieldSpec, ...], Attribute("What it answers, in order.")]
    metadata: Annotated[dict[str, JsonValue], Attribute("Whatever its owner notes of it.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    content_hash: Annotated[
        str,
        Attribute("The SHA-256 of instructions and fields: equal signatures have equal ones.", indexed=True),
    ]

    @generic
    def compile(scene: Scene, *, signature_string: str) -> dict[str, JsonValue]:
        """Read `question, context: list[str] -> answer` into fields, as `create` takes them; nothing is kept."""
        spec = _parsed(signature_string)
        return {"inputs": _maps(spec.inputs), "outputs": _maps(spec.outputs)}

    @create
    def create(
        scene: Scene,
        *,
        name: str,
        inputs: list[FieldSpec | str] | None = None,
        outputs: list[FieldSpec | str] | None = None,
        signature_string: str | None = None,
        docstring: str = "",
        metadata: dict[str, JsonValue] | None = None,
    ) -> Values:
        """Make a signature, of fields or of text such as `question -> answer`.

        A field is a map, or its name alone for one without a type. Raises InvalidInputError naming every field that does
        not fit, and the character in its type.
        """
        if signature_string is None:
            spec = _spec(inputs or (), outputs or (), docstring)
        elif inputs is None and outputs is None:
            spec = _parsed(signature_string, docstring)
        else:
            raise InvalidInputError.of(
                [
                    Problem(
                        "$.signature_string", "says again what inputs and outputs say: leave it out, or them"
                    )
                ]
            )
        return {"name": name, "metadata": metadata or {}, **_content(spec)}

    @update
    def update(
        scene: Scene,
        record: Signature,
        *,
        inputs: list[FieldSpec | str] | None = None,
        outputs: list[FieldSpec | str] | None = None,
        docstring: str | None = None,
        metadata: dict[str, JsonValue] | None = None,
    ) -> Values:
        """Change what is given; the rest stays."""
        spec = _spec(
            record.input_fields if inputs is None else inputs,
            record.output_fields if outputs is None else outputs,
            record.docstring if docstring is None else docstring,
        )
        return {"metadata": record.metadata if metadata is None else metadata, **_content(spec)}

    def to_class(self) -> SignatureType:
        """Return it as a class, to be given to `app.module` and compared with others."""
        from dspash.signatures import Signature as Declared

        spec = _spec(self.input_fields, self.output_fields, self.docstring)
        return Declared.of_spec(SignatureSpec(spec.inputs, spec.outputs, spec.instructions, self.name))


def _content(spec: SignatureSpec) -> dict[str, Any]:
    """The attributes that make two signatures equal, and their hash."""
    return {
        "docstring": spec.instructions,
        "input_fields": _maps(spec.inputs),
        "output_fields": _maps(spec.outputs),
        "content_hash": content_hash_of(spec),
    }


def _maps(fields: Sequence[SpecField]) -> list[JsonValue]:
    return [
        {
            "name": field.name,
            "type": type_text(field.type) if field.stated else None,
            "description": field.desc,
            "optional": field.optional,
            "default": field.default,
        }
        for field in fields
    ]


def _parsed(text: str, docstring: str = "") -> SignatureSpec:
    try:
        return parse_signature(text, instructions=docstring)
    except SignatureError as error:
        raise InvalidInputError.of([Problem("$.signature_string", str(error))]) from None


def _spec(
    inputs: Sequence[FieldSpec | str], outputs: Sequence[FieldSpec | str], docstring: str
) -> SignatureSpec:
    given = {"inputs": _plain(inputs), "outputs": _plain(outputs)}
    problems = [problem for side, fields in given.items() for problem in _problems_of(side, fields)]
    if problems:
        raise InvalidInputError.of(problems)
    try:
        return read_signature({**given, "instructions": docstring}, path="$")
    except SignatureError as error:
        raise InvalidInputError.of([_problem(error, error.path)]) from None


def _problems_of(side: str, fields: Sequence[Any]) -> Iterator[Problem]:
    """What is wrong with each field by itself."""
    for index, field in enumerate(fields):
        try:
            read_signature({"outputs": [field]}, path="$")
        except SignatureError as error:
            yield _problem(error, error.path.replace("$.outputs[0]", f"$.{side}[{index}]", 1))


def _problem(error: SignatureError, path: str) -> Problem:
    told = SignatureError(error.problem, field=error.field, position=error.position, hint=error.hint)
    return Problem(path, str(told))


def _plain(fields: Sequence[FieldSpec | str]) -> list[Any]:
    return [field if isinstance(field, str) else field.model_dump() for field in fields]
