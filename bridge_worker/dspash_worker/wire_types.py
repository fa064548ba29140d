"""Wire types: Python and DSPy values as they travel, and back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

import dspy
import pydantic
from dspy.experimental import Citations, Document

from dspash_protocol import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, TYPE_TAG, Fault, FaultError, FaultKind
from dspash_worker.refusal import invalid

__all__ = ["fields_to_wire", "from_wire", "to_wire"]

_TAGGED: Final[dict[str, Any]] = {
    "Image": dspy.Image,
    "Audio": dspy.Audio,
    "File": dspy.File,
    "History": dspy.History,
    "Code": dspy.Code,
    "Reasoning": dspy.Reasoning,
    "ToolCalls": dspy.ToolCalls,
    "Document": Document,
    "Citations": Citations,
}
_AS_THEY_ARE: Final = frozenset({type(None), bool, str, bytes})


def to_wire(value: object, *, path: str = "$") -> Any:
    """Return `value` as a wire value: the same meaning, in plain types.

    Predictions, examples, pydantic models and dataclasses become maps, tuples and sets lists, enums their values,
    dates ISO 8601, numpy's numbers Python's; DSPy's types carry their name under `$dspy`, except Reasoning, which is
    text. Raises FaultError (unserialisable) with the path of what has no such form.
    """
    return _to_wire(value, path, MAX_DEPTH)


def fields_to_wire(fields: Mapping[Any, Any], *, path: str = "$") -> dict[str, Any]:
    """Return a map of output fields as wire values."""
    return {str(name): to_wire(value, path=f"{path}.{name}") for name, value in fields.items()}


def from_wire(value: Any, *, path: str = "$") -> Any:
    """Return a wire value with everything tagged `$dspy` built into DSPy's object. Raises FaultError with the path."""
    if isinstance(value, dict):
        if TYPE_TAG in value:
            return _tagged(value, path)
        return {key: from_wire(item, path=f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item, path=f"{path}[{index}]") for index, item in enumerate(value)]
    return value


def _tagged(value: dict[str, Any], path: str) -> Any:
    name = value[TYPE_TAG]
    if name == "Tool":
        return _tagged_tool(value, path)
    kind = _TAGGED.get(name) if isinstance(name, str) else None
    if kind is None:
        raise invalid(
            f"{path}.{TYPE_TAG}", f"{name!r:.60} is no DSPy type", hint=f"known are {', '.join(_TAGGED)}"
        )
    parts = {key: from_wire(item, path=f"{path}.{key}") for key, item in value.items() if key != TYPE_TAG}
    if kind is dspy.Code and (language := parts.pop("language", None)) is not None:
        kind = dspy.Code[str(language)]
    try:
        return kind(**parts)
    except (pydantic.ValidationError, ValueError, TypeError) as error:
        raise invalid(path, f"this is no {name}: {_first_line(error)}") from None


def _tagged_tool(value: dict[str, Any], path: str) -> dspy.Tool:
    # A tool's values are wire values, so that module needs this one.
    from dspash_worker.tools import read_tools

    described = {key: item for key, item in value.items() if key != TYPE_TAG}
    (tool,) = read_tools([described], full=True, path=path).values()
    return tool.to_dspy()


def _to_wire(value: Any, path: str, depth: int) -> Any:
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is int or kind is float:
        return _number(value, path)
    if depth < 0:
        raise _unserialisable(path, f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return _map(value.items(), path, depth - 1)
    if isinstance(value, list | tuple):
        return [_to_wire(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(value)]
    return _object(value, path, depth - 1)


def _number(value: float, path: str) -> float:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _unserialisable(path, f"{value} is not a finite number")
    elif not MIN_INTEGER <= value <= MAX_INTEGER:
        raise _unserialisable(path, f"an integer of {value.bit_length()} bits; integers go up to 64")
    return value


def _map(items: Iterable[tuple[Any, Any]], path: str, depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in items:
        name = key.value if isinstance(key, enum.Enum) else key
        if not isinstance(name, str | int | float | None):
            raise _unserialisable(path, f"key {key!r:.60} is {type(key).__name__}, keys are text")
        out[str(name)] = _to_wire(item, f"{path}.{name}", depth)
    return out


def _object(value: Any, path: str, depth: int) -> Any:
    for kinds, convert in _CONVERSIONS:
        if isinstance(value, kinds):
            return convert(value, path, depth)
    if hasattr(value, "tolist") and hasattr(value, "dtype"):  # numpy's arrays and scalars
        return _to_wire(value.tolist(), path, depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _map(
            ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value)), path, depth
        )
    raise _unserialisable(path, f"{type(value).__name__} has no form on the wire")


def _tool(value: dspy.Tool, path: str, depth: int) -> Any:
    args = _to_wire(value.args or {}, f"{path}.args", depth)
    return {TYPE_TAG: "Tool", "name": value.name, "desc": value.desc, "args": args}


def _model(value: pydantic.BaseModel, path: str, depth: int) -> dict[str, Any]:
    """Attribute by attribute: DSPy's own serialisers write prompts, not values."""
    fields = ((name, getattr(value, name)) for name in type(value).model_fields)
    name = next((name for name, kind in _TAGGED.items() if isinstance(value, kind)), None)
    if name is None:
        return _map(fields, path, depth)
    return {TYPE_TAG: name, **_map(((key, item) for key, item in fields if item is not None), path, depth)}


def _ordered(value: Iterable[Any]) -> list[Any]:
    items = list(value)
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=repr)


# In this order: several of these classes are subclasses of others.
_CONVERSIONS: Final[tuple[tuple[Any, Callable[[Any, str, int], Any]], ...]] = (
    (dspy.Reasoning, lambda value, _path, _depth: value.content),
    (
        dspy.Code,
        lambda value, _path, _depth: {TYPE_TAG: "Code", "code": value.code, "language": value.language},
    ),
    (dspy.Tool, _tool),
    (dspy.Example, lambda value, path, depth: _map(value.items(), path, depth)),  # a Prediction is one too
    (pydantic.BaseModel, _model),
    (enum.Enum, lambda value, path, depth: _to_wire(value.value, path, depth)),
    # Subclasses of the plain types, such as numpy.float64.
    (str, lambda value, _path, _depth: str.__str__(value)),
    (int, lambda value, path, _depth: _number(int(value), path)),
    (float, lambda value, path, _depth: _number(float(value), path)),
    ((set, frozenset), lambda value, path, depth: _to_wire(_ordered(value), path, depth)),
    ((bytearray, memoryview), lambda value, _path, _depth: bytes(value)),
    (dt.timedelta, lambda value, _path, _depth: value.total_seconds()),
    ((dt.date, dt.time), lambda value, _path, _depth: value.isoformat()),
    ((Decimal, uuid.UUID, PurePath), lambda value, _path, _depth: str(value)),
)


def _unserialisable(path: str, problem: str) -> FaultError:
    return FaultError(Fault(FaultKind.UNSERIALISABLE, f"{path}: {problem}", details={"path": path}))


def _first_line(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        return f"{place}: {first['msg']}" if place else first["msg"]
    return (str(error).splitlines() or [type(error).__name__])[0]
