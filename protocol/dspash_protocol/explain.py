"""Explain: why a payload was refused, by a second, lenient reading that keeps what the strict one drops."""

from __future__ import annotations

import json
from typing import Any, TypeAlias, cast

import msgpack

from dspash_protocol.errors import InvalidPayloadError
from dspash_protocol.limits import HEAD_BYTES, MAX_DEPTH, MAX_INTEGER
from dspash_protocol.request_id import as_id, find_id
from dspash_protocol.values import BYTES_TAG, find_problem, map_from_pairs, path_step

__all__ = ["explain"]


class _Pairs(list[tuple[Any, Any]]):
    """A map as it was written, repeated keys and all."""


_Found: TypeAlias = tuple[str, str] | None


def explain(payload: bytes, error: Exception, *, json_text: bool) -> InvalidPayloadError:
    """Why the strict reading of `payload` raised `error`, with the path and the request id where they can be read."""
    problem = _problem_of(error)
    try:
        lenient = _read_leniently(payload, json_text=json_text)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        return InvalidPayloadError("$", problem, find_id(payload[:HEAD_BYTES]))
    path, found = _find(lenient, MAX_DEPTH) or ("", problem)
    if isinstance(error, UnicodeDecodeError):
        found = problem  # the lenient reading put lone surrogates where the bad bytes were
    return InvalidPayloadError("$" + path, found, _id_in(lenient))


def _problem_of(error: Exception) -> str:
    match error:
        case RecursionError() | msgpack.StackError():
            return "nested too deeply"
        case UnicodeDecodeError():
            return "text that is not UTF-8"
        case json.JSONDecodeError():
            return f"not JSON: {error.msg} at character {error.pos}"
        case msgpack.ExtraData():
            return "bytes follow the map"
        case msgpack.FormatError():
            return "not msgpack"
        case _:
            return str(error)


def _read_leniently(payload: bytes, *, json_text: bool) -> Any:
    if json_text:
        text = payload.decode(errors="surrogateescape")
        return json.loads(text, object_pairs_hook=_Pairs, parse_int=_lenient_int)
    return msgpack.unpackb(
        payload,
        object_pairs_hook=_Pairs,
        strict_map_key=False,
        unicode_errors="surrogateescape",
        ext_hook=msgpack.ExtType,
    )


def _lenient_int(text: str) -> int:
    return int(text) if len(text) <= len(str(MAX_INTEGER)) else MAX_INTEGER + 1


def _find(value: Any, depth: int) -> _Found:
    if isinstance(value, _Pairs):
        return _find_in_pairs(value, depth - 1)
    if isinstance(value, msgpack.ExtType):
        return "", "a msgpack extension type is not a wire value"
    if isinstance(value, list):
        items = enumerate(cast("list[Any]", value))
        return _find_in_items([(f"[{index}]", item) for index, item in items], depth - 1)
    return find_problem(value)


def _find_in_pairs(pairs: _Pairs, depth: int) -> _Found:
    keys: set[str] = set()
    for key, _ in pairs:
        if not isinstance(key, str):
            return "", f"a key is {type(key).__name__}; keys are text"
        if key in keys:
            return path_step(key), "this key occurs twice"
        keys.add(key)
    if BYTES_TAG in keys:
        try:
            map_from_pairs(pairs)
        except ValueError as error:
            return "", str(error)
        return None
    return _find_in_items([(path_step(key), item) for key, item in pairs], depth)


def _find_in_items(items: list[tuple[str, Any]], depth: int) -> _Found:
    if depth < 0:
        return "", "nested too deeply"
    for step, item in items:
        if (found := _find(item, depth)) is not None:
            return step + found[0], found[1]
    return None


def _id_in(lenient: _Pairs) -> int | None:
    """A repeated id is nobody's."""
    ids = [value for key, value in lenient if key == "id"]
    return as_id(ids[0]) if len(ids) == 1 else None
