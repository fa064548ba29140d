"""Explain: why a payload was refused, by a second, lenient reading that keeps what the strict one drops."""

from __future__ import annotations

import json
import re
from typing import Final

import msgpack

from dspash_protocol.errors import InvalidPayloadError, InvalidValueError
from dspash_protocol.limits import MAX_DEPTH, MAX_INTEGER
from dspash_protocol.values import BYTES_TAG, find_problem, map_from_pairs

__all__ = ["explain", "find_id"]

_JSON_ID: Final = re.compile(rb'"id"\s*:\s*(-?\d{1,19})\b')
_MSGPACK_ID: Final = msgpack.packb("id")
_LONGEST_MSGPACK_INT: Final = 9

class _Pairs(list[tuple[object, object]]):
    """A map as it was written, twice-written keys and all."""


def explain(payload: bytes, error: Exception, *, json_text: bool) -> InvalidPayloadError:
    """Why the strict reading of `payload` raised `error`, with the path and the request id where they can be read."""
    if isinstance(error, InvalidValueError):
        found: tuple[str, str] | None = (error.path, error.problem)
    else:
        found = None
    try:
        lenient = _read_leniently(payload, json_text)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        path, problem = found or ("$", _problem_of(error))
        return InvalidPayloadError(path, problem)
    if found is None:
        step_problem = _find_in_lenient(lenient, MAX_DEPTH)
        found = ("$" + step_problem[0], step_problem[1]) if step_problem else ("$", _problem_of(error))
    return InvalidPayloadError(*found, request_id=_id_in(lenient))


def _problem_of(error: Exception) -> str:
    match error:
        case RecursionError():
            return f"nested deeper than {MAX_DEPTH} levels"
        case UnicodeDecodeError():
            return f"not UTF-8 at byte {error.start}"
        case json.JSONDecodeError():
            return f"not JSON: {error.msg} at character {error.pos}"
        case msgpack.StackError():
            return f"nested deeper than {MAX_DEPTH} levels"
        case msgpack.ExtraData():
            return "bytes follow the map"
        case _:
            return str(error) or type(error).__name__


def _read_leniently(payload: bytes, json_text: bool) -> object:
    if not json_text:
        return msgpack.unpackb(
            payload,
            object_pairs_hook=_Pairs,
            strict_map_key=False,
            unicode_errors="surrogateescape",
            ext_hook=msgpack.ExtType,
        )
    text = payload.decode(errors="surrogateescape")
    return json.loads(text, object_pairs_hook=_Pairs, parse_int=_lenient_int)


def _lenient_int(text: str) -> int:
    return int(text) if len(text) <= 20 else MAX_INTEGER + 1


def _find_in_lenient(value: object, depth: int) -> tuple[str, str] | None:
    if depth < 0:
        return "", f"nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, item in value:
            if not isinstance(key, str):
                return "", f"key {key!r:.60} is not text"
            if key in seen:
                return f".{key}", "this key occurs twice"
            seen.add(key)
            if key == BYTES_TAG:
                return "", _problem_of_tag(value)
            if (found := _find_in_lenient(item, depth - 1)) is not None:
                return f".{key}{found[0]}", found[1]
        return None
    if isinstance(value, list):
        for index, item in enumerate(value):  # type: ignore[arg-type]
            if (found := _find_in_lenient(item, depth - 1)) is not None:
                return f"[{index}]{found[0]}", found[1]
        return None
    if isinstance(value, msgpack.ExtType):
        return "", f"msgpack extension type {value.code} is not a wire value"
    return find_problem(value)


def _problem_of_tag(pairs: _Pairs) -> str:
    try:
        map_from_pairs(pairs)
    except ValueError as error:
        return str(error)
    return f"{BYTES_TAG} is well formed"


def _id_in(lenient: object) -> int | None:
    if not isinstance(lenient, _Pairs):
        return None
    ids = [item for key, item in lenient if key == "id" and type(item) is int]
    return ids[0] if len(ids) == 1 else None


def find_id(head: bytes) -> int | None:
    """The request id in the beginning of a frame that was too long to keep, where it stands near the front."""
    found = _JSON_ID.search(head)
    if found is not None:
        return int(found[1])
    at = head.find(_MSGPACK_ID)
    if at < 0:
        return None
    unpacker = msgpack.Unpacker()
    unpacker.feed(head[at + len(_MSGPACK_ID) : at + len(_MSGPACK_ID) + _LONGEST_MSGPACK_INT])
    try:
        value = unpacker.unpack()
    except (ValueError, msgpack.UnpackException):
        return None
    return value if type(value) is int else None
