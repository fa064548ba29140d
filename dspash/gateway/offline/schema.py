"""JSON schemas, as prompts and response formats carry them, read as shapes."""

from __future__ import annotations

from typing import Final

from dspash.gateway.offline.shape import (
    TEXT,
    Choice,
    Flag,
    Listing,
    Nullable,
    Number,
    Record,
    Shape,
    Slot,
    Table,
    Text,
)
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["read_schema"]

_DEEPEST: Final = 6
"""Levels of a recursive type that are worth filling in; below, it is left empty or taken for text."""
_INTEGER: Final = "integer"


def read_schema(schema: JsonMap) -> Shape:
    """The shape a schema describes; what it leaves open is taken for text. Recursive schemas end after some levels."""
    return _read(schema, _definitions(schema), _DEEPEST)


def _definitions(schema: JsonMap) -> JsonMap:
    found = schema.get("$defs", schema.get("definitions", {}))
    return found if isinstance(found, dict) else {}


def _read(schema: JsonValue, definitions: JsonMap, depth: int) -> Shape:
    if not isinstance(schema, dict) or depth <= 0:
        return TEXT
    schema = _resolved(schema, definitions)
    for key in ("anyOf", "oneOf"):
        choices = schema.get(key)
        if isinstance(choices, list) and choices:
            return _any_of(choices, definitions, depth)
    options = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(options, list) and options:
        return Choice(tuple([option for option in options if not isinstance(option, (dict, list))]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return _any_of([{**schema, "type": one} for one in kind], definitions, depth)
    return _typed(kind, schema, definitions, depth)


def _resolved(schema: JsonMap, definitions: JsonMap) -> JsonMap:
    """The schema with its $ref followed and a lone allOf (pydantic's way to add a description) unwrapped."""
    for _ in range(_DEEPEST):
        reference, parts = schema.get("$ref"), schema.get("allOf")
        if isinstance(reference, str):
            target = definitions.get(reference.rsplit("/", 1)[-1])
        elif isinstance(parts, list) and parts:
            target = parts[0]
        else:
            break
        if not isinstance(target, dict):
            return {}
        schema = {**{key: value for key, value in schema.items() if key not in {"$ref", "allOf"}}, **target}
    return schema


def _any_of(choices: list[JsonValue], definitions: JsonMap, depth: int) -> Shape:
    real = [choice for choice in choices if not (isinstance(choice, dict) and choice.get("type") == "null")]
    if not real:
        return Choice((None,))
    shape = _read(real[0], definitions, depth)
    return Nullable(shape) if len(real) < len(choices) else shape


def _typed(kind: JsonValue, schema: JsonMap, definitions: JsonMap, depth: int) -> Shape:
    match kind:
        case "integer" | "number":
            return _number(schema, whole=kind == _INTEGER)
        case "boolean":
            return Flag()
        case "null":
            return Choice((None,))
        case "array":
            return _listing(schema, definitions, depth)
        case "object":
            return _object(schema, definitions, depth)
        case _:
            return Text(
                format=_str(schema.get("format")),
                min_length=_count(schema.get("minLength")) or 0,
                max_length=_count(schema.get("maxLength")),
            )


def _number(schema: JsonMap, *, whole: bool) -> Number:
    least, most = _float(schema.get("minimum")), _float(schema.get("maximum"))
    above, below = _float(schema.get("exclusiveMinimum")), _float(schema.get("exclusiveMaximum"))
    step = 1.0 if whole else 1e-6
    if above is not None:
        least = above + step
    if below is not None:
        most = below - step
    return Number(whole, least, most)


def _listing(schema: JsonMap, definitions: JsonMap, depth: int) -> Shape:
    items = schema.get("items", schema.get("prefixItems"))
    if isinstance(items, list):
        items = items[0] if items else {}
    least = _count(schema.get("minItems")) or 0
    return Listing(_read(items, definitions, depth - 1), least, _count(schema.get("maxItems")))


def _object(schema: JsonMap, definitions: JsonMap, depth: int) -> Shape:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        free = schema.get("additionalProperties")
        return Record() if free is False else Table(_read(free, definitions, depth - 1))
    slots = [
        Slot(name, _read(part, definitions, depth - 1), _described(part, definitions))
        for name, part in properties.items()
    ]
    return Record(tuple(slots), _str(schema.get("title")))


def _described(part: JsonValue, definitions: JsonMap) -> str:
    return _str(_resolved(part, definitions).get("description")) if isinstance(part, dict) else ""


def _str(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _count(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _float(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
