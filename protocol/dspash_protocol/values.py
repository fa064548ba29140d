"""Wire values: what may stand in a payload, told with the path of what may not."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from dspash_protocol.errors import InvalidValueError
from dspash_protocol.limits import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER

__all__ = ["BYTES_TAG", "RESERVED_KEYS", "TYPE_TAG", "WireMap", "WireValue", "bytes_to_tag", "check_value", "find_problem", "map_from_pairs"]

WireValue: TypeAlias = "None | bool | int | float | str | bytes | list[WireValue] | dict[str, WireValue]"
WireMap: TypeAlias = dict[str, Any]

BYTES_TAG: Final = "$bytes"
"""In JSON, bytes travel as `{"$bytes": base64}`; msgpack has its own type for them."""

TYPE_TAG: Final = "$dspy"
"""A DSPy type (Image, Audio, History …) travels as `{"$dspy": name, …}`."""

RESERVED_KEYS: Final = frozenset({BYTES_TAG})
"""Keys that user data cannot have: in JSON they would be read as something else."""

_LONGEST_PATH: Final = 20
_PLAIN: Final = frozenset({type(None), bool, bytes})


def check_value(value: object, *, at: str = "$") -> None:
    """Raise InvalidValueError, with the path from `at`, unless `value` is a wire value."""
    found = find_problem(value)
    if found is not None:
        path, problem = found
        raise InvalidValueError(at + path, problem)


def find_problem(value: object, *, max_depth: int = MAX_DEPTH) -> tuple[str, str] | None:
    """The first thing in `value` that cannot be sent, as (path below the root, problem); None when all can."""
    found = _find(value, max_depth)
    if found is None:
        return None
    steps, problem = found
    if len(steps) > _LONGEST_PATH:
        steps = [*steps[:2], "…", *steps[-2:]]
    return "".join(reversed(steps)), problem


def bytes_to_tag(value: object) -> dict[str, str]:
    """The JSON form of bytes; the `default` of the JSON encoder, so anything else is an error."""
    if isinstance(value, bytes):
        return {BYTES_TAG: base64.b64encode(value).decode("ascii")}
    raise TypeError(f"{type(value).__name__} is not a wire value")


def bytes_from_tag(text: object) -> bytes:
    """Undo bytes_to_tag. Raises ValueError unless `text` is canonical base64."""
    if not isinstance(text, str):
        raise ValueError(f"{BYTES_TAG} holds {type(text).__name__}, not base64 text")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{BYTES_TAG} is not base64: {error}") from None


def map_from_pairs(pairs: list[tuple[Any, Any]]) -> Any:
    """Build one map as both decoders do. Raises ValueError for a key that is repeated, reserved or not text."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    for key in value:
        if type(key) is not str:
            raise ValueError("a key is not text")
    if BYTES_TAG in value:
        if len(value) != 1:
            raise ValueError(f"{BYTES_TAG} stands alone in its map")
        return bytes_from_tag(value[BYTES_TAG])
    return value


# Steps are collected innermost first, only when something was found: the good case builds no path.
_Found: TypeAlias = "tuple[list[str], str] | None"


def _find(value: object, depth: int) -> _Found:
    kind = type(value)
    if kind in _PLAIN:
        return None
    if isinstance(value, str):
        return _find_in_text(value)
    if isinstance(value, int):
        if MIN_INTEGER <= value <= MAX_INTEGER:
            return None
        return [], f"integer of {value.bit_length()} bits; integers go up to 64"
    if isinstance(value, float):
        return None if math.isfinite(value) else ([], f"{value} is not a finite number")
    if isinstance(value, dict):
        return _find_in_map(value, depth - 1)
    if isinstance(value, list | tuple):
        return _find_in_items(((f"[{index}]", item) for index, item in enumerate(value)), depth - 1)
    return [], f"{kind.__name__} is not a wire value"


def _find_in_map(value: dict[Any, Any], depth: int) -> _Found:
    for key in value:
        if not isinstance(key, str):
            return [], f"key {key!r:.60} is {type(key).__name__}, keys are text"
        if key in RESERVED_KEYS:
            return [], f"key {key!r} is reserved by the protocol"
        if (found := _find_in_text(key)) is not None:
            return found
    return _find_in_items(((_step(key), item) for key, item in value.items()), depth)


def _find_in_items(items: Iterable[tuple[str, object]], depth: int) -> _Found:
    if depth < 0:
        return [], f"nested deeper than {MAX_DEPTH} levels"
    for step, item in items:
        found = _find(item, depth)
        if found is not None:
            found[0].append(step)
            return found
    return None


def _find_in_text(text: str) -> _Found:
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return [], f"text with a lone surrogate U+{ord(text[error.start]):04X} at character {error.start}"
    return None


def _step(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{key[:60]!r}]"
