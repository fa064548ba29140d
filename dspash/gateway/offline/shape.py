"""Shapes: what kinds of value a field may hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "TEXT",
    "Choice",
    "Endless",
    "Flag",
    "Listing",
    "Nullable",
    "Number",
    "Record",
    "Scalar",
    "Shape",
    "Slot",
    "Table",
    "Text",
    "essence",
]

Scalar: TypeAlias = "None | bool | int | float | str"


@dataclass(frozen=True, slots=True)
class Text:
    """Any text; `format` as in JSON schema, when it must look like a date or an address.

    A schema's `pattern` is not kept: it comes with the prompt, and a pattern can be written to run for ever.
    """

    format: str = ""
    min_length: int = 0
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number between bounds, both inclusive; None is no bound."""

    whole: bool
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Exactly one of the options, which are of any scalar type and at least one."""

    options: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of items of one shape."""

    item: Shape
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """An object with free keys and values of one shape."""

    value: Shape


@dataclass(frozen=True, slots=True)
class Slot:
    """One property of a Record."""

    name: str
    shape: Shape
    description: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """An object with exactly these properties."""

    slots: tuple[Slot, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value of the inner shape, or nothing."""

    inner: Shape = field(default_factory=Text)


@dataclass(frozen=True, slots=True)
class Endless:
    """A type that contains itself, met again inside itself: to be left empty or out, so that the value ends."""


Shape: TypeAlias = Text | Number | Flag | Choice | Listing | Table | Record | Nullable | Endless

TEXT = Text()


def essence(shape: Shape) -> Shape:
    """The shape without the leave to be nothing."""
    return essence(shape.inner) if isinstance(shape, Nullable) else shape
