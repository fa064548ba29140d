"""Request id: whose a payload is, read without reading all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgpack

from dspash_protocol.limits import MAX_INTEGER, MIN_INTEGER

__all__ = ["as_id", "find_id", "id_in"]

# `"id": 7` among the last members of a JSON object, with only scalars between it and the final brace: no quote or
# brace of a nested value can stand there, so the object it belongs to is the outermost one.
_SCALAR: Final = rb'(?:"[^"\\]*"|[-+.0-9eE]+|true|false|null)'
_JSON_TAIL: Final = re.compile(
    rb',\s*"id"\s*:\s*(-?[0-9]{1,20})\s*(?:,\s*"[^"\\]*"\s*:\s*' + _SCALAR + rb"\s*)*\}\s*\Z"
)
_JSON_READER: Final = json.JSONDecoder()


def as_id(value: object) -> int | None:
    """The value where it can be an id, and so stand in an answer; else None."""
    return value if type(value) is int and MIN_INTEGER <= value <= MAX_INTEGER else None


def id_in(message: Mapping[str, Any]) -> int | None:
    """The id of a decoded message, where it is one."""
    return as_id(message.get("id"))


def find_id(head: bytes, tail: bytes = b"") -> int | None:
    """The id in a payload of which only the beginning and the end are known.

    Found when every member before it lies wholly in `head`, or, in JSON, when only scalars follow it in `tail`. An id
    deeper down belongs to somebody else and is never taken for it.
    """
    read_members = _read_json_members if head.startswith(b"{") else _read_msgpack_members
    try:
        for key, value in read_members(head):
            if key == "id":
                return as_id(value)
    except (ValueError, TypeError, IndexError, RecursionError, msgpack.UnpackException):
        pass  # the head ended, or what it holds is damaged
    found = _JSON_TAIL.search(tail) if head.startswith(b"{") else None
    return as_id(int(found[1])) if found else None


def _read_json_members(head: bytes) -> Iterator[tuple[object, object]]:
    text = head.decode(errors="replace")
    position = 1
    while True:
        key, position = _read_json_value(text, position)
        if text[position] != ":":
            return
        value, position = _read_json_value(text, position + 1)
        if text[position] not in ",}":  # also keeps out a number that the end of the head cut short
            return
        yield key, value
        position += 1


def _read_json_value(text: str, position: int) -> tuple[object, int]:
    """The value after `position`, and where the next thing after it stands. Raises IndexError where the text ends."""
    value, position = _JSON_READER.raw_decode(text, _after_blanks(text, position))
    return value, _after_blanks(text, position)


def _after_blanks(text: str, position: int) -> int:
    while text[position] in " \t\r\n":
        position += 1
    return position


def _read_msgpack_members(head: bytes) -> Iterator[tuple[object, object]]:
    # The buffer's size also bounds what an announced length may allocate.
    unpacker = msgpack.Unpacker(strict_map_key=False, unicode_errors="replace", max_buffer_size=len(head))
    unpacker.feed(head)
    for _ in range(unpacker.read_map_header()):
        yield unpacker.unpack(), unpacker.unpack()
