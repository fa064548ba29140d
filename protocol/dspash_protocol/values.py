"""Wire values: what may stand in a payload, told with the path of what may not."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any, Final, TypeAlias, cast

from dspash_protocol.errors import InvalidValueError
from dspash_protocol.limits import MAX_DEPTH, MAX_INTEGER, MAX_VALUE_DEPTH, MIN_INTEGER

__all__ = [
    "BYTES_TAG",
    "RESERVED_KEYS",
    "TYPE_TAG",
    "WireMap",
    "WireValue",
    "bytes_to_tag",
    "check_value",
    "find_problem",
    "map_from_pairs",
    "path_step",
]

WireValue: TypeAlias = "None | bool | int | float | str | bytes | list[WireValue] | dict[str, WireValue]"
WireMap: TypeAlias = dict[str, Any]

BYTES_TAG: Final = "$bytes"
"""In JSON, bytes travel as `{"$bytes": base64}`; msgpack has its own type for them."""

TYPE_TAG: Final = "$dspy"
"""A DSPy type (Image, Audio, History …) travels as `{"$dspy": name, …}`."""

RESERVED_KEYS: Final = frozenset({BYTES_TAG})
"""Keys that user data cannot have: they would be read as something else."""

_LONGEST_PATH: Final = 20
_CONSTANT_SIZE: Final = frozenset({type(None), bool, bytes})  # always fit to be sent


def check_value(value: object, *, at: str = "$") -> None:
    """Raise InvalidValueError, with the path from `at`, unless `value` can stand in every message."""
    found = find_problem(value, max_depth=MAX_VALUE_DEPTH)
    if found is not None:
        path, problem = found
        raise InvalidValueError(at + path, problem)


def find_problem(value: object, *, max_depth: int = MAX_DEPTH) -> tuple[str, str] | None:
    """The first thing in `value` that cannot be sent, as (path below the root, problem); None when all can.

    Subclasses of the wire types count as those types, tuples as lists: so they are written.
    """
    if type(value) is dict and _is_ordinary(cast("WireMap", value), max_depth):
        return None
    found = _find(cast("Any", value), max_depth)
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


def map_from_pairs(pairs: list[tuple[Any, Any]]) -> Any:
    """Build one map, or the bytes it stands for, as both decoders do. Raises ValueError for a repeated key."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    if BYTES_TAG in value:
        return _bytes_from_tag(value)
    return value


def _bytes_from_tag(tagged: dict[Any, Any]) -> bytes:
    text = tagged[BYTES_TAG]
    if len(tagged) != 1:
        raise ValueError(f"{BYTES_TAG} stands alone in its map")
    if not isinstance(text, str):
        raise ValueError(f"{BYTES_TAG} holds {type(text).__name__}, not base64 text")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"{BYTES_TAG} is not base64: {error}") from None


def _is_ordinary(  # noqa: C901, PLR0912 -- one flat loop: every call in it would be paid for each value of each payload
    container: dict[Any, Any] | list[Any] | tuple[Any, ...], depth: int
) -> bool:
    """Whether everything inside is certainly a wire value. Quick, builds no path; False only means: look closer."""
    if depth <= 0:
        return False
    items: Iterable[Any] = container
    if isinstance(container, dict):
        if BYTES_TAG in container:
            return False
        for key in container:
            if type(key) is not str or not (key.isascii() or _is_text(key)):
                return False
        items = container.values()
    for item in items:
        kind = type(item)  # pyright: ignore[reportUnknownVariableType]
        if kind is str:
            if not (item.isascii() or _is_text(item)):
                return False
        elif kind is dict or kind is list or kind is tuple:
            if not _is_ordinary(item, depth - 1):
                return False
        elif kind is int:
            if not MIN_INTEGER <= item <= MAX_INTEGER:
                return False
        elif kind is float:
            if not math.isfinite(item):
                return False
        elif kind not in _CONSTANT_SIZE:
            return False
    return True


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# Steps are collected innermost first, only when something was found.
_Found: TypeAlias = tuple[list[str], str] | None


def _find(value: Any, depth: int) -> _Found:
    match value:
        case None | bool() | bytes():
            return None
        case str():
            return _find_in_text(value)
        case int():
            in_range = MIN_INTEGER <= value <= MAX_INTEGER
            return None if in_range else ([], "an integer wider than 64 bits")
        case float():
            return None if math.isfinite(value) else ([], f"{value} is not a finite number")
        case dict():
            return _find_in_map(cast("dict[Any, Any]", value), depth - 1)
        case list() | tuple():
            items = enumerate(cast("Iterable[Any]", value))
            return _find_in_items(((f"[{index}]", item) for index, item in items), depth - 1)
        case _:
            return [], f"{type(value).__name__} is not a wire value"


def _find_in_map(value: dict[Any, Any], depth: int) -> _Found:
    for key in value:
        if not isinstance(key, str):
            return [], f"a key is {type(key).__name__}; keys are text"
        if key in RESERVED_KEYS:
            return [], f"key {key!r} is reserved by the protocol"
        if (found := _find_in_text(key)) is not None:
            return [], f"in a key, {found[1]}"
    return _find_in_items(((path_step(key), item) for key, item in value.items()), depth)


def _find_in_items(items: Iterable[tuple[str, object]], depth: int) -> _Found:
    if depth < 0:
        return [], "nested too deeply"
    for step, item in items:
        found = _find(item, depth)
        if found is not None:
            found[0].append(step)
            return found
    return None


def _find_in_text(text: str) -> _Found:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return [], f"lone surrogate U+{ord(text[error.start]):04X} at character {error.start}"
    return None


def path_step(key: str) -> str:
    """One step of a path: `.name`, or `['any key']`."""
    return f".{key}" if key.isidentifier() else f"[{key[:60]!r}]"
