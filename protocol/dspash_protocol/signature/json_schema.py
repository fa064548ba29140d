"""JSON Schema: the part of it that says what our types say, read as types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dspash_protocol.signature.check import first_problem
from dspash_protocol.signature.errors import SignatureError
from dspash_protocol.signature.limits import MAX_DEPTH
from dspash_protocol.signature.literals import is_option
from dspash_protocol.signature.names import PLAIN_NAMES
from dspash_protocol.signature.shapes import is_list, is_map, kind_of
from dspash_protocol.signature.tokens import is_name
from dspash_protocol.signature.types import (
    ANY,
    NONE,
    STR,
    Field,
    ListOf,
    LiteralOf,
    MapOf,
    ObjectOf,
    Type,
    union_of,
)

__all__ = ["literal_of", "type_of_schema"]

_SCALARS: Final = ("string", "integer", "number", "boolean", "null")


def type_of_schema(schema: object, *, path: str = "$") -> Type:
    """Read a JSON Schema such as pydantic writes, `$defs` and all. Raises SignatureError with the path."""
    definitions = schema.get("$defs") if is_map(schema) else None
    return _Reader(definitions).read(schema, path, 0)


def literal_of(values: object, *, path: str) -> Type:
    """Return the Literal of these values; None among them makes it optional."""
    if not is_list(values) or not values:
        raise SignatureError("a list of options is wanted", path=path)
    options: dict[tuple[type, Any], None] = {}
    for index, value in enumerate(values):
        if value is not None and not is_option(value):
            raise SignatureError(
                f"{value!r:.60} cannot be an option",
                path=f"{path}[{index}]",
                hint="options are text, integers or bools",
            )
        options[type(value), value] = None
    literal = tuple(value for _, value in options if value is not None)
    members: list[Type] = [LiteralOf(literal)] if literal else []
    return union_of([*members, NONE] if (type(None), None) in options else members)


class _Reader:
    """Reads one schema against its own definitions."""

    def __init__(self, definitions: object) -> None:
        self._definitions: Mapping[str, Any] = definitions if is_map(definitions) else {}

    def read(self, schema: object, path: str, depth: int) -> Type:
        if depth > MAX_DEPTH:
            raise SignatureError(
                f"nested deeper than {MAX_DEPTH} levels, or a schema inside itself", path=path
            )
        if not is_map(schema):
            raise SignatureError(f"a JSON schema is wanted, this is {kind_of(schema)}", path=path)
        if "$ref" in schema:
            return self._refer(schema["$ref"], f"{path}['$ref']", depth)
        if "enum" in schema:
            return literal_of(schema["enum"], path=f"{path}.enum")
        if "const" in schema:
            return literal_of([schema["const"]], path=f"{path}.const")
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self._alternatives(schema[key], f"{path}.{key}", depth, only_one=key == "allOf")
        return self._read_by_type(schema, path, depth)

    def _refer(self, reference: object, path: str, depth: int) -> Type:
        name = str(reference).removeprefix("#/$defs/")
        definition = self._definitions.get(name)
        if not is_map(definition):
            raise SignatureError(f"{reference!r:.60} refers to nothing in $defs", path=path)
        return self.read({"title": name, **definition}, path, depth + 1)

    def _alternatives(self, schemas: object, path: str, depth: int, *, only_one: bool) -> Type:
        if not is_list(schemas) or not schemas or (only_one and len(schemas) > 1):
            raise SignatureError(
                "one schema is wanted" if only_one else "a list of schemas is wanted", path=path
            )
        return union_of(
            self.read(schema, f"{path}[{index}]", depth + 1) for index, schema in enumerate(schemas)
        )

    def _read_by_type(self, schema: Mapping[str, Any], path: str, depth: int) -> Type:
        kind = schema.get("type")
        if is_list(kind) and kind:
            return union_of(self._read_by_type({**schema, "type": one}, path, depth + 1) for one in kind)
        if kind is None:
            return self._read_object(schema, path, depth) if "properties" in schema else ANY
        if kind == "array":
            return ListOf(
                self.read(schema["items"], f"{path}.items", depth + 1) if "items" in schema else ANY
            )
        if kind == "object":
            return self._read_object(schema, path, depth)
        if kind in _SCALARS:
            return PLAIN_NAMES[kind]
        raise SignatureError(f"{kind!r:.60} is no JSON Schema type", path=f"{path}.type")

    def _read_object(self, schema: Mapping[str, Any], path: str, depth: int) -> Type:
        properties = schema.get("properties")
        if not properties:
            rest = schema.get("additionalProperties")
            item = self.read(rest, f"{path}.additionalProperties", depth + 1) if is_map(rest) else ANY
            return MapOf(STR, item)
        if not is_map(properties):
            raise SignatureError("a map of schemas is wanted", path=f"{path}.properties")
        required = schema.get("required", ())
        fields = tuple(
            self._field(name, part, f"{path}.properties.{name}", depth, required=name in required)
            for name, part in properties.items()
        )
        title = schema.get("title")
        return ObjectOf(fields, title if isinstance(title, str) and is_name(title) else "")

    def _field(self, name: str, schema: object, path: str, depth: int, *, required: bool) -> Field:
        if not is_name(name):
            raise SignatureError(f"{name!r:.60} cannot name a field", path=path)
        type_ = self.read(schema, path, depth + 1)
        extra: Mapping[str, Any] = schema if is_map(schema) else {}
        default, desc = extra.get("default"), extra.get("description", "")
        if default is not None and (problem := first_problem(type_, default)) is not None:
            raise SignatureError(f"the default does not fit: {problem}", path=f"{path}.default")
        optional = not required and default is None
        return Field(
            name, type_, desc=desc if isinstance(desc, str) else "", optional=optional, default=default
        )
