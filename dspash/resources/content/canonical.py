"""Canonical JSON: the one text of a JSON value, and the hash by which equal contents are known."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, Final, cast

from dspash.resources.content.errors import ContentError

__all__ = ["canonical_text", "hash_of", "indented_text", "json_of", "wire_of"]

MAX_DEPTH: Final = 100  # what a message may hold, see "Values" in protocol/SPEC.md
_BYTES: Final = "$bytes"


def hash_of(value: Any) -> str:
    """The SHA-256 of the canonical text, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


def canonical_text(value: Any) -> str:
    """The text of `value` that every equal value has: keys sorted, no blanks, 1.0 written as 1.

    Many a program that reads and writes JSON makes a float of that worth an integer, so the two are one here. Raises
    ContentError for what is no JSON value.
    """
    plain = _with_one_kind_of_number(json_of(value))
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def indented_text(value: Any) -> str:
    """The same value for a file that people read and compare line by line; it ends with a newline."""
    return json.dumps(json_of(value), ensure_ascii=False, sort_keys=True, indent=2) + "\n"


def json_of(value: Any, path: str = "$") -> Any:
    """A wire value as plain JSON: bytes in the form that JSON messages carry them, tuples as lists.

    Raises ContentError naming the place of what is no wire value.
    """
    return _json_of(value, path, MAX_DEPTH)


def wire_of(value: Any) -> Any:
    """What `json_of` made plain, as it travels: bytes are bytes again. Raises ContentError."""
    match value:
        case {"$bytes": str() as text} if len(cast("dict[str, Any]", value)) == 1:
            try:
                return base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                raise ContentError("$", f"{text!r:.40} is no base64", "give the bytes again") from None
        case Mapping():
            return {key: wire_of(item) for key, item in cast("Mapping[str, Any]", value).items()}
        case list() | tuple():
            return [wire_of(item) for item in cast("list[Any]", value)]
        case _:
            return value


def _json_of(value: Any, path: str, depth: int) -> Any:
    if not depth:
        raise ContentError(path, f"it is nested deeper than {MAX_DEPTH}", "make it flatter")
    match value:
        case None | bool() | int():
            return value
        case str():
            return _text(value, path)
        case float():
            return _finite(value, path)
        case bytes():
            return {_BYTES: base64.b64encode(value).decode()}
        case Mapping():
            entries = cast("Mapping[Any, Any]", value)
            return {
                _key(key, path): _json_of(item, f"{path}.{key}", depth - 1) for key, item in entries.items()
            }
        case list() | tuple():
            items = cast("list[Any]", value)
            return [_json_of(item, f"{path}[{index}]", depth - 1) for index, item in enumerate(items)]
        case _:
            raise ContentError(path, f"{type(value).__name__} is no JSON value", "give a plain value")


def _with_one_kind_of_number(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            entries = cast("dict[str, Any]", value)
            return {key: _with_one_kind_of_number(item) for key, item in entries.items()}
        case list():
            return [_with_one_kind_of_number(item) for item in cast("list[Any]", value)]
        case _:
            return value


def _finite(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise ContentError(path, f"{value} is no JSON number", "give a finite one")
    return value


def _key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise ContentError(path, f"the key {key!r:.60} is no text", "give texts as keys")
    return _text(key, path)


def _text(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ContentError(path, "it has half of a surrogate pair", "give valid Unicode") from None
    return text
