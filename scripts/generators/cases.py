"""Cases: what one conformance vector says, and how values are noted in it without losing their type."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Bad", "Good", "Noted", "frame", "nested_lists", "note"]

Noted: TypeAlias = "None | bool | str | list[Noted] | dict[str, Any]"


@dataclass(frozen=True)
class Good:
    """Bytes and what they mean."""

    name: str
    payload: bytes
    means: Any


@dataclass(frozen=True)
class Bad:
    """Bytes that are refused: at `path` where that can be said, on behalf of request `id` where that can be read."""

    name: str
    payload: bytes
    path: str | None
    id: int | None = None


def frame(payload: bytes) -> bytes:
    """The payload behind its length."""
    return struct.pack(">I", len(payload)) + payload


def nested_lists(levels: int) -> list[Any]:
    """An empty list in as many lists as make `levels` levels."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def note(value: object) -> Noted:
    """A value in a notation that keeps its type in any language's JSON: SPEC.md says how."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return {"int": str(value)}
        case float():
            return {"float": repr(value)}
        case bytes():
            return {"bytes": value.hex()}
        case list():
            return [note(item) for item in value]
        case Mapping():
            return {"map": {key: note(item) for key, item in value.items()}}
        case _:
            raise TypeError(f"a vector cannot hold {type(value).__name__}")
