"""JSON schemas, as prompts and response formats carry them, read as shapes."""

from __future__ import annotations

from typing import Final

from dspash.gateway.offline.shape import (
    TEXT,
    Choice,
    Endless,
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

_LONGEST_CHAIN: Final = 8
"""References that lead to references; a longer chain is a circle."""
_DEEPEST: Final = 32
"""Steps into a schema; what lies deeper is taken for text."""

_INTEGER: Final = "integer"


def read_schema(schema: JsonMap) -> Shape:
    """The shape a schema describes; what it leaves open is taken for text, recursion ends where it begins again."""
    definitions = schema.get("$defs", schema.get("definitions", {}))
    shape = _Reader(definitions if isinstance(definitions, dict) else {}).read(schema, frozenset(), 0)
    return TEXT if isinstance(shape, Endless) else shape


class _Reader:
    """Reads one schema; `inside` holds the names of the definitions being read further out."""

    def __init__(self, definitions: JsonMap) -> None:
        self._definitions = definitions

    def read(self, schema: JsonValue, inside: frozenset[str], depth: int) -> Shape:
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return TEXT
        name = _reference(schema)
        if name in inside:
            return Endless()
        schema = self._resolved(schema)
        inside = inside | {name} if name else inside
        for key in ("anyOf", "oneOf"):
            choices = schema.get(key)
            if isinstance(choices, list) and choices:
                return self._any_of(choices, inside, depth + 1)
        options = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if isinstance(options, list) and options:
            return Choice(tuple([option for option in options if not isinstance(option, (dict, list))]))
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._any_of([{**schema, "type": one} for one in kind], inside, depth + 1)
        return self._typed(kind, schema, inside, depth + 1)

    def _resolved(self, schema: JsonMap) -> JsonMap:
        """The schema with its $ref followed and a lone allOf (pydantic's way to add a description) unwrapped."""
        for _ in range(_LONGEST_CHAIN):
            name, parts = _reference(schema), schema.get("allOf")
            target = (
                self._definitions.get(name)
                if name
                else parts[0]
                if isinstance(parts, list) and parts
                else None
            )
            if not isinstance(target, dict):
                break
            schema = {
                **{key: value for key, value in schema.items() if key not in {"$ref", "allOf"}},
                **target,
            }
        return schema

    def _any_of(self, choices: list[JsonValue], inside: frozenset[str], depth: int) -> Shape:
        """The first choice that ends; nothing is one of them when null is. See annotation on text among others."""
        shapes = [self.read(choice, inside, depth) for choice in choices if not _is_null(choice)]
        ending = [shape for shape in shapes if not isinstance(shape, Endless)]
        if len(shapes) < len(choices):
            return Nullable(ending[0]) if ending else Choice((None,))
        if not ending:
            return Endless()
        return next((shape for shape in ending if not isinstance(shape, Text)), ending[0])

    def _typed(self, kind: JsonValue, schema: JsonMap, inside: frozenset[str], depth: int) -> Shape:
        match kind:
            case "integer" | "number":
                return _number(schema, whole=kind == _INTEGER)
            case "boolean":
                return Flag()
            case "null":
                return Choice((None,))
            case "array":
                return self._listing(schema, inside, depth)
            case "object":
                return self._object(schema, inside, depth)
            case _:
                least, most = _count(schema.get("minLength")), _count(schema.get("maxLength"))
                return Text(format=_str(schema.get("format")), min_length=least or 0, max_length=most)

    def _listing(self, schema: JsonMap, inside: frozenset[str], depth: int) -> Shape:
        items = schema.get("items", schema.get("prefixItems"))
        if isinstance(items, list):
            items = items[0] if items else None
        least = _count(schema.get("minItems")) or 0
        item = self.read(items, inside, depth)
        if isinstance(item, Endless):
            return Listing(TEXT, 0, 0) if not least else item
        return Listing(item, least, _count(schema.get("maxItems")))

    def _object(self, schema: JsonMap, inside: frozenset[str], depth: int) -> Shape:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            free = schema.get("additionalProperties")
            value = self.read(free, inside, depth)
            return Record() if free is False or isinstance(value, Endless) else Table(value)
        required = schema.get("required")
        slots: list[Slot] = []
        for name, part in properties.items():
            shape = self.read(part, inside, depth)
            if not isinstance(shape, Endless):
                slots.append(Slot(name, shape, self._description(part)))
            elif isinstance(required, list) and name in required:
                return shape
        return Record(tuple(slots), _str(schema.get("title")))

    def _description(self, part: JsonValue) -> str:
        return _str(self._resolved(part).get("description")) if isinstance(part, dict) else ""


def _reference(schema: JsonMap) -> str:
    reference = schema.get("$ref")
    return reference.rsplit("/", 1)[-1] if isinstance(reference, str) else ""


def _is_null(choice: JsonValue) -> bool:
    return isinstance(choice, dict) and choice.get("type") == "null"


def _number(schema: JsonMap, *, whole: bool) -> Number:
    least, most = _float(schema.get("minimum")), _float(schema.get("maximum"))
    above, below = _float(schema.get("exclusiveMinimum")), _float(schema.get("exclusiveMaximum"))
    step = 1.0 if whole else 1e-6
    if above is not None:
        least = above + step
    if below is not None:
        most = below - step
    return Number(whole, least, most)


def _str(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _count(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _float(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
