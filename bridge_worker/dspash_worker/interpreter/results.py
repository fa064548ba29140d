"""Results: values of the code as the JSON texts that the host gets."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, cast, runtime_checkable

from dspash_protocol.json_text import write_json

__all__ = ["last_value", "submitted"]


@runtime_checkable
class _Listable(Protocol):
    """An array or a number of numpy's, or one like it."""

    def tolist(self) -> Any: ...


def last_value(value: object) -> str:
    """A cell's value; what is no JSON value is told by its repr."""
    try:
        return write_json(value)
    except (TypeError, ValueError, RecursionError):
        return write_json(repr(value))


def submitted(values: Mapping[str, Any]) -> str:
    """The values of SUBMIT, each by itself: one that has no plain form is told by its repr."""
    fields = (f"{write_json(name)}: {_field(value)}" for name, value in values.items())
    return "{" + ", ".join(fields) + "}"


def _field(value: object) -> str:
    try:
        return write_json(value, default=_plain)
    except (TypeError, ValueError, RecursionError):
        return write_json(repr(value))


def _plain(value: Any) -> Any:
    """The plain form of what libraries make of numbers, texts and lists. Raises TypeError for anything else."""
    if isinstance(value, AbstractSet):
        items = list(cast("AbstractSet[Any]", value))
        try:
            return sorted(items)
        except TypeError:
            return items
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    if isinstance(value, _Listable):
        return value.tolist()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no plain form")
