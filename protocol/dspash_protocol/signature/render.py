"""Render: types and signatures as canonical text, and as the map that field lists are read from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from dspash_protocol.signature.types import (
    ANY,
    STR,
    DspyType,
    Field,
    ListOf,
    LiteralOf,
    MapOf,
    ObjectOf,
    Scalar,
    SignatureSpec,
    Type,
    UnionOf,
)

__all__ = ["signature_map", "signature_text", "type_text"]


def signature_text(spec: SignatureSpec) -> str:
    """Return the canonical text. Reading it gives `spec` again, but for its name and instructions."""
    return f"{_fields_text(spec.inputs)} -> {_fields_text(spec.outputs)}".strip()


def signature_map(spec: SignatureSpec) -> dict[str, Any]:
    """Return the field-list form, all of it wire values. Reading it gives `spec` again."""
    out: dict[str, Any] = {
        "inputs": [_field_map(field) for field in spec.inputs],
        "outputs": [_field_map(field) for field in spec.outputs],
    }
    if spec.instructions:
        out["instructions"] = spec.instructions
    if spec.name:
        out["name"] = spec.name
    return out


def type_text(type_: Type) -> str:
    """Return the canonical text of one type."""
    match type_:
        case Scalar(name):
            return str(name)
        case ListOf(item):
            return "list" if item == ANY else f"list[{type_text(item)}]"
        case MapOf(key, value):
            return "dict" if (key, value) == (STR, ANY) else f"dict[{type_text(key)}, {type_text(value)}]"
        case LiteralOf(values):
            return f"Literal[{', '.join(_value_text(value) for value in values)}]"
        case UnionOf(members):
            return " | ".join(type_text(member) for member in members)
        case ObjectOf(fields, name):
            return f"{name}{{{_fields_text(fields)}}}"
        case DspyType(name, language):
            return f"{name}[{_value_text(language)}]" if language else str(name)


def _fields_text(fields: Iterable[Field]) -> str:
    return ", ".join(_field_text(field) for field in fields)


def _field_text(field: Field) -> str:
    text = field.name + ("?" if field.optional else "")
    if field.stated:
        text += f": {type_text(field.type)}"
    if field.default is not None:
        text += f" = {_value_text(field.default)}"
    return text + (f" {_value_text(field.desc)}" if field.desc else "")


def _field_map(field: Field) -> dict[str, Any]:
    out: dict[str, Any] = {"name": field.name}
    if field.stated:
        out["type"] = type_text(field.type)
    if field.desc:
        out["desc"] = field.desc
    if field.optional:
        out["optional"] = True
    if field.default is not None:
        out["default"] = field.default
    return out


def _value_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
