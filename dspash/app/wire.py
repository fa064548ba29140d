"""Wire: what crosses between host functions and workers, read strictly and made plain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, cast, runtime_checkable

from dspash.bridge import Ask
from dspash_protocol import FaultError, FaultKind

__all__ = ["map_in", "text_in", "to_wire"]


@runtime_checkable
class _Dumpable(Protocol):
    """A pydantic model, without importing pydantic."""

    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


@runtime_checkable
class _NumpyScalar(Protocol):
    """A number of numpy's, without importing numpy."""

    def item(self) -> Any: ...


def map_in(ask: Ask, key: str) -> dict[str, Any]:
    """The map that a worker sent under `key`; empty when it sent none. Raises FaultError naming the place."""
    value = ask.args.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        problem = f"a map is wanted, this is {type(value).__name__}"
        raise FaultError.of(FaultKind.INVALID_INPUT, problem, path=f"$.{key}")
    return cast("dict[str, Any]", value)


def text_in(ask: Ask, key: str) -> str:
    """The text that a worker sent under `key`. Raises FaultError naming the place."""
    value = ask.args.get(key)
    if not isinstance(value, str):
        problem = f"text is wanted, this is {type(value).__name__}"
        raise FaultError.of(FaultKind.INVALID_INPUT, problem, path=f"$.{key}")
    return value


def to_wire(value: Any) -> Any:
    """A host function's value in the form that travels: models and dataclasses as maps, tuples and sets as lists.

    What it does not know is left as it is, for the protocol to refuse with its path.
    """
    match value:
        case None | str() | int() | float() | bytes():
            return value
        case Mapping():
            entries = cast("Mapping[Any, Any]", value)
            return {key: to_wire(item) for key, item in entries.items()}
        case list() | tuple() | set() | frozenset():
            items = cast("list[Any]", value)
            return [to_wire(item) for item in items]
        case _Dumpable():
            return value.model_dump(mode="json")
        case _NumpyScalar():
            return value.item()
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: to_wire(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value
