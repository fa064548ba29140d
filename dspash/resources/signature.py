"""Signature: what a module is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dspash.errors import InvalidInputError, Problem
from dspash.resources.content import hash_of
from dspash.resources.kernel import Attribute, Resource, Scene, Values, create, generic, update
from dspash_protocol.signature import Field as WireField
from dspash_protocol.signature import (
    SignatureError,
    SignatureSpec,
    parse_signature,
    read_signature,
    type_text,
)

__all__ = ["FieldSpec", "Signature"]


class FieldSpec(BaseModel):
    """One input or output: its name, its type in the canonical text of the grammar, and what it is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str = "str"
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
        spec = _read(lambda: parse_signature(signature_string), "$.signature_string")
        return {"inputs": _maps(spec.inputs), "outputs": _maps(spec.outputs)}

    @create
    def create(
        scene: Scene,
        *,
        name: str,
        inputs: list[FieldSpec | str],
        outputs: list[FieldSpec | str],
        docstring: str = "",
        metadata: dict[str, JsonValue] | None = None,
    ) -> Values:
        """Make a signature. A field is a map, or its name alone for a text."""
        return {"name": name, "metadata": metadata or {}, **_content(inputs, outputs, docstring)}

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
        return {
            "metadata": record.metadata if metadata is None else metadata,
            **_content(
                record.input_fields if inputs is None else inputs,
                record.output_fields if outputs is None else outputs,
                record.docstring if docstring is None else docstring,
            ),
        }


def _content(
    inputs: Sequence[FieldSpec | str], outputs: Sequence[FieldSpec | str], docstring: str
) -> dict[str, Any]:
    """The attributes that make two signatures equal, and their hash."""
    given = {"inputs": _plain(inputs), "outputs": _plain(outputs), "instructions": docstring}
    spec = _read(lambda: read_signature(given, path="$"), "$")
    fields = {"input_fields": _maps(spec.inputs), "output_fields": _maps(spec.outputs)}
    return {**fields, "docstring": docstring, "content_hash": hash_of({**fields, "docstring": docstring})}


def _plain(fields: Sequence[FieldSpec | str]) -> list[Any]:
    return [field if isinstance(field, str) else field.model_dump() for field in fields]


def _maps(fields: Sequence[WireField]) -> list[JsonValue]:
    return [
        {
            "name": field.name,
            "type": type_text(field.type),
            "description": field.desc,
            "optional": field.optional,
            "default": field.default,
        }
        for field in fields
    ]


def _read(read: Callable[[], SignatureSpec], path: str) -> SignatureSpec:
    try:
        return read()
    except SignatureError as error:
        place = error.under(path) if error.path == "$" and path != "$" else error
        raise InvalidInputError.of([Problem(place.path, str(place.under("$")))]) from None
