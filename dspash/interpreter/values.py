"""Values: what crosses between the host and the code, as JSON texts."""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, cast, runtime_checkable

from dspash_protocol.json_text import write_json

__all__ = ["read_value", "write_value"]


@runtime_checkable
class _Dumpable(Protocol):
    """A pydantic model, without importing pydantic."""

    def model_dump(self, *, mode: str) -> Any: ...


@runtime_checkable
class _Listable(Protocol):
    """An array or a number of numpy's, without importing numpy."""

    def tolist(self) -> Any: ...


def write_value(value: object) -> str:
    """A host's value as the code will see it: models and dataclasses as maps, tuples and sets as lists.

    Raises ValueError or TypeError for what has no such form, NaN and infinities included.
    """
    try:
        return write_json(value, default=_plain)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_value(text: str) -> Any:
    """A value of the code's. Raises ValueError for what is no JSON text."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _plain(value: Any) -> Any:
    match value:
        case _Dumpable() if not isinstance(value, type):
            return value.model_dump(mode="json")
        case AbstractSet():
            return _sorted(cast("AbstractSet[Any]", value))
        case Mapping():
            return dict(cast("Mapping[Any, Any]", value))
        case enum.Enum():
            return value.value
        case dt.date() | dt.time():
            return value.isoformat()
        case _Listable():
            return value.tolist()
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON-compatible")


def _sorted(items: AbstractSet[Any]) -> list[Any]:
    try:
        return sorted(items)
    except TypeError:
        return list(items)
