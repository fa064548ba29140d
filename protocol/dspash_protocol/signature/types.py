"""Types: what a field of a signature can hold, as values that compare and hash by what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

__all__ = [
    "ANY",
    "BOOL",
    "FLOAT",
    "INT",
    "NONE",
    "STR",
    "DspyType",
    "Field",
    "ListOf",
    "LiteralOf",
    "LiteralValue",
    "MapOf",
    "ObjectOf",
    "Scalar",
    "ScalarName",
    "SignatureSpec",
    "SpecialName",
    "Type",
    "UnionOf",
    "optional_of",
    "union_of",
]


class ScalarName(StrEnum):
    """Types without parts."""

    STR = "str"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    ANY = "any"
    NONE = "None"


class SpecialName(StrEnum):
    """DSPy's own types."""

    IMAGE = "Image"
    AUDIO = "Audio"
    FILE = "File"
    HISTORY = "History"
    CODE = "Code"
    TOOL = "Tool"
    TOOL_CALLS = "ToolCalls"
    REASONING = "Reasoning"


LiteralValue: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type without parts."""

    name: ScalarName


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of any length."""

    item: Type


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map with keys the host chooses; `key` is a scalar or a Literal."""

    key: Type
    value: Type


@dataclass(frozen=True, slots=True)
class LiteralOf:
    """One of these values. `True` and `1` are two values here, as they are on the wire."""

    values: tuple[LiteralValue, ...]
    _kinds: tuple[type, ...] = field(init=False, repr=False)  # makes (1,) and (True,) differ

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kinds", tuple(type(value) for value in self.values))


@dataclass(frozen=True, slots=True)
class UnionOf:
    """Any one of two or more types; built by `union_of`, which keeps them flat and distinct."""

    members: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """A map with exactly these fields; `name` is what a prompt calls it, or empty."""

    fields: tuple[Field, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class DspyType:
    """One of DSPy's own types; `language` belongs to Code alone."""

    name: SpecialName
    language: str = ""


Type: TypeAlias = Scalar | ListOf | MapOf | LiteralOf | UnionOf | ObjectOf | DspyType

STR: Final = Scalar(ScalarName.STR)
INT: Final = Scalar(ScalarName.INT)
FLOAT: Final = Scalar(ScalarName.FLOAT)
BOOL: Final = Scalar(ScalarName.BOOL)
ANY: Final = Scalar(ScalarName.ANY)
NONE: Final = Scalar(ScalarName.NONE)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a signature or an object.

    `stated` is false where no type was written: then `type` is str, and an input takes anything. `default` is a JSON
    value used when the field is left out; None is no default, which for an optional field comes to the same.
    """

    name: str
    type: Type = STR
    stated: bool = True
    desc: str = ""
    optional: bool = False
    default: Any = field(default=None, hash=False)  # a list or a map cannot be hashed

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return not self.optional and self.default is None


@dataclass(frozen=True, slots=True)
class SignatureSpec:
    """What a module takes and gives, and what it is told to do; `name` is for people."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    instructions: str = ""
    name: str = ""


def union_of(members: Iterable[Type]) -> Type:
    """Return the union of `members`: nested unions opened, repeats dropped, a single one left as it is."""
    flat: dict[Type, None] = {}
    for member in members:
        flat.update(dict.fromkeys(member.members if isinstance(member, UnionOf) else (member,)))
    return next(iter(flat)) if len(flat) == 1 else UnionOf(tuple(flat))


def optional_of(type_: Type) -> Type:
    """Return `type_` or None."""
    return type_ if type_ == ANY else union_of((type_, NONE))
