"""Declaration: what `Input` and `Output` leave in the body of a signature's class."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Declaration", "Input", "Output", "Role"]


class Role(StrEnum):
    """Which side of the arrow a field is on."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A field but for its name and its type, which are the class's to say."""

    role: Role
    desc: str = ""
    optional: bool = False
    default: Any = None


def Input(*, desc: str = "", optional: bool = False, default: Any = None) -> Any:  # noqa: N802 - reads as a type does
    """Declare an input field. `desc` is shown to the model; `optional` lets it be left out, and so does a `default`.

    `default` is a JSON value of the field's type; None is no default.
    """
    return Declaration(Role.INPUT, desc, optional, default)


def Output(*, desc: str = "", optional: bool = False) -> Any:  # noqa: N802 - reads as a type does
    """Declare an output field. `desc` is shown to the model; an `optional` one may be answered with None."""
    return Declaration(Role.OUTPUT, desc, optional)
