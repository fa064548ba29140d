"""Shapes: the two containers of JSON, recognised so that a type checker follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

__all__ = ["is_list", "is_map", "kind_of"]


def is_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether `value` is a map. Its keys are text where it came off the wire; they are checked where not."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether `value` is a list, or a tuple, which travels as one."""
    return isinstance(value, list | tuple)


def kind_of(value: object) -> str:
    """Return the name of what `value` is, as an error says it."""
    return "None" if value is None else type(value).__name__
