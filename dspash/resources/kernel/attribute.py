"""Attribute: what a resource's declaration says of one of its values, and what follows from its type."""

from __future__ import annotations

import enum
import types
import typing
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

__all__ = ["Attribute", "DeclaredAttribute", "Kind", "OnDelete", "declared_attribute"]

MAX_TEXT: Final = 1_000_000  # characters of a text, where its declaration sets no other limit
MAX_INDEXED_TEXT: Final = 500  # characters: PostgreSQL refuses index entries over 2,704 bytes
MAX_JSON: Final = 4_000_000  # characters of the JSON that a structured value becomes

OnDelete = Literal["restrict", "cascade", "set null"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """The annotation of an attribute: `name: Annotated[str, Attribute("How people refer to it.", unique=True)]`.

    unique: no other record of the tenant has the same value. indexed: lists may filter and sort by it quickly.
    max_length: characters of a text, or of the JSON of a structured value. references: the resource whose id it holds;
    on_delete: what becomes of this record when that one is destroyed. sensitive: kept out of audit, exports and reprs.
    """

    doc: str
    unique: bool = False
    indexed: bool = False
    max_length: int | None = None
    references: str | None = None
    on_delete: OnDelete = "restrict"
    sensitive: bool = False


class Kind(enum.StrEnum):
    """What a column holds. Everything that is no single value is JSON."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    UUID = "uuid"
    BYTES = "bytes"
    JSON = "json"


_KINDS: Final[dict[type, Kind]] = {
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    str: Kind.TEXT,
    datetime: Kind.INSTANT,
    UUID: Kind.UUID,
    bytes: Kind.BYTES,
}


@dataclass(frozen=True)
class DeclaredAttribute:
    """One attribute of one resource. `annotation` is its type without None; `field` pydantic's view of it."""

    name: str
    spec: Attribute
    annotation: Any
    nullable: bool
    kind: Kind
    field: FieldInfo

    @property
    def max_length(self) -> int:
        """The most characters its text, or the JSON of its value, may have."""
        if self.spec.max_length is not None:
            return self.spec.max_length
        if self.kind is Kind.JSON:
            return MAX_JSON
        return MAX_INDEXED_TEXT if self.spec.unique or self.spec.indexed else MAX_TEXT

    @property
    def is_comparable(self) -> bool:
        """Whether a filter may compare it."""
        return self.kind not in {Kind.JSON, Kind.BYTES} and not self.spec.sensitive

    @property
    def is_sortable(self) -> bool:
        """Whether a list may be sorted by it: a place in the list is told by its value, which must be short."""
        return self.is_comparable and (self.kind is not Kind.TEXT or self.max_length <= MAX_INDEXED_TEXT)

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Reads and writes its values, constraints aside."""
        return TypeAdapter(self.annotation)

    @cached_property
    def is_plain(self) -> bool:
        """Whether what the database returns is the value itself."""
        return self.kind is not Kind.JSON and self.annotation in _KINDS

    def describe(self) -> dict[str, Any]:
        """Everything that is declared of it, as plain data; `schema` is the JSON schema of its values."""
        annotated: Any = Annotated[(self.field.annotation, *self.field.metadata)]
        described: dict[str, Any] = {
            "name": self.name,
            "doc": self.spec.doc,
            "kind": self.kind.value,
            "nullable": self.nullable,
            "required": self.field.is_required(),
            "unique": self.spec.unique,
            "indexed": self.spec.indexed or self.spec.unique or self.spec.references is not None,
            "sensitive": self.spec.sensitive,
            "references": self.spec.references,
            "on_delete": self.spec.on_delete if self.spec.references else None,
            "max_length": self.max_length if self.kind in {Kind.TEXT, Kind.JSON} else None,
            "schema": TypeAdapter(annotated).json_schema(),
        }
        if not self.field.is_required():
            default = self.field.get_default(call_default_factory=True, validated_data={})
            described["default"] = TypeAdapter(annotated).dump_python(default, mode="json")
        return described


def declared_attribute(name: str, field: FieldInfo) -> DeclaredAttribute:
    """What `field` of a resource declares. Raises TypeError where the declaration contradicts itself."""
    spec = next((entry for entry in field.metadata if isinstance(entry, Attribute)), None)
    if spec is None:
        raise TypeError(f"{name} needs an Attribute: {name}: Annotated[..., Attribute('What it is.')]")
    annotation, nullable = _without_none(field.annotation)
    kind = _kind_of(annotation)
    if kind is Kind.JSON:
        nullable = nullable or _admits_none(annotation)  # as JsonValue does
    found = DeclaredAttribute(name, spec, annotation, nullable, kind, field)
    if (spec.unique or spec.indexed) and not found.is_comparable:
        raise TypeError(f"{name} is {found.kind}, which cannot be indexed")
    if (spec.unique or spec.indexed) and found.kind is Kind.TEXT and found.max_length > MAX_INDEXED_TEXT:
        raise TypeError(f"{name} is indexed: its max_length may be {MAX_INDEXED_TEXT} at most")
    if spec.references is not None and found.kind is not Kind.UUID:
        raise TypeError(f"{name} references {spec.references}: its type must be UUID")
    if spec.references is not None and spec.on_delete == "set null" and not nullable:
        raise TypeError(f"{name} is set to null when its {spec.references} goes: its type must admit None")
    return found


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `None`, and whether that was part of it."""
    if typing.get_origin(annotation) not in {typing.Union, types.UnionType}:
        return annotation, False
    members = typing.get_args(annotation)
    kept = tuple(member for member in members if member is not type(None))
    return (typing.Union[kept] if kept else annotation), len(kept) < len(members)  # noqa: UP007 - made at run time


def _admits_none(annotation: Any) -> bool:
    if typing.get_origin(annotation) in {dict, list, tuple}:
        return False  # without asking: making an adapter takes its time, and most structured values are these
    try:
        return TypeAdapter(annotation).validate_python(None) is None
    except ValidationError:
        return False


def _kind_of(annotation: Any) -> Kind:
    if typing.get_origin(annotation) is Annotated:
        return _kind_of(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is Literal:
        return Kind.TEXT if all(isinstance(word, str) for word in typing.get_args(annotation)) else Kind.JSON
    if not isinstance(annotation, type) or typing.get_origin(annotation) is not None:
        return Kind.JSON
    plain = cast("type[object]", annotation)
    if issubclass(plain, enum.Enum):
        return Kind.TEXT if issubclass(plain, str) else Kind.JSON
    return _KINDS.get(plain, Kind.JSON)
