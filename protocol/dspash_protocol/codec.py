"""Codec: one payload to and from one map, in JSON or msgpack, told apart by the first byte."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Any, Final, NoReturn

import msgpack

from dspash_protocol.errors import InvalidPayloadError, InvalidValueError
from dspash_protocol.explain import explain
from dspash_protocol.limits import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER
from dspash_protocol.request_id import id_in
from dspash_protocol.values import BYTES_TAG, WireMap, bytes_to_tag, find_problem, map_from_pairs

__all__ = ["Codec", "codec_of", "decode", "encode"]


class Codec(StrEnum):
    """How a payload is written."""

    JSON = "json"
    MSGPACK = "msgpack"


_MSGPACK: Final = Codec.MSGPACK  # looked up once: each access costs a tenth of a small payload's encoding
_FIRST_BYTES: Final = {
    0x7B: Codec.JSON,
    **dict.fromkeys([*range(0x80, 0x90), 0xDE, 0xDF], Codec.MSGPACK),
}
_LONGEST_INTEGER: Final = len(str(MIN_INTEGER))  # and of MAX_INTEGER; a longer text is not worth converting
_NO_EXTENSION: Final = 0  # extension types would smuggle in timestamps and host types


def codec_of(payload: bytes) -> Codec:
    """Tell the codec from the first byte. Raises InvalidPayloadError when it begins neither kind of map."""
    codec = _FIRST_BYTES.get(payload[0]) if payload else None
    if codec is None:
        begins = f"begins with byte {payload[0]:#04x}" if payload else "is empty"
        raise InvalidPayloadError("$", f"a payload is a JSON object or a msgpack map, this {begins}")
    return codec


def encode(message: WireMap, codec: Codec) -> bytes:
    """Write one map. Raises InvalidValueError with the path of what cannot be written."""
    found = find_problem(message)
    if found is not None:
        path, problem = found
        raise InvalidValueError("$" + path, problem)
    if codec is _MSGPACK:
        return msgpack.packb(message)
    return _JSON_ENCODER.encode(message).encode()


def decode(payload: bytes) -> WireMap:
    """Read one map, strictly. Raises InvalidPayloadError with the path of what is refused."""
    codec = codec_of(payload)
    if codec is _MSGPACK and (plain := _read_plain(payload)) is not None:
        return plain
    value: Any
    try:
        if codec is _MSGPACK:
            value = msgpack.unpackb(
                payload,
                object_pairs_hook=map_from_pairs,
                max_ext_len=_NO_EXTENSION,
                ext_hook=_refuse_extension,
            )
        else:
            value = _JSON_DECODER.decode(payload.decode())
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise explain(payload, error, json_text=codec is Codec.JSON) from None
    if isinstance(value, bytes):
        raise InvalidPayloadError("$", f"a payload is a map, this is a {BYTES_TAG}")
    found = find_problem(value)
    if found is not None:
        path, problem = found
        raise InvalidPayloadError("$" + path, problem, id_in(value))
    return value


_GLANCE_BYTES: Final = 4096
"""Above it, looking at every byte takes longer than looking at every value."""

_OPENING: Final = bytes((*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF))  # what begins a map or a list
_DUBIOUS: Final = bytes((*range(0xC4, 0xCC), *range(0xD4, 0xD9)))  # and bytes, an extension, a float
_TAG: Final = BYTES_TAG.encode()
_TAG_BEGINS: Final = _TAG[:1]
_PLAIN: Final = bytes(byte for byte in range(256) if byte not in _OPENING + _DUBIOUS + _TAG_BEGINS)


def _read_plain(payload: bytes) -> WireMap | None:
    """Read a short msgpack payload in which nothing can be wrong; None only means: look closer.

    Without floats, bytes, extensions and tags, with fewer maps and lists than may be nested, there is nothing to find in
    its values. And one that comes out the same when it is written again has no key twice: that would come out once.
    """
    if len(payload) > _GLANCE_BYTES:
        return None
    marks = payload.translate(None, _PLAIN)
    dubious = marks.translate(None, _OPENING)
    if len(marks) > MAX_DEPTH or (dubious and (dubious.strip(_TAG_BEGINS) or _TAG in payload)):
        return None
    try:
        value: Any = msgpack.unpackb(payload)
        return value if msgpack.packb(value) == payload else None
    except (ValueError, TypeError, msgpack.UnpackException):
        return None


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise ValueError(f"msgpack extension type {code} is not a wire value")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


def _strict_int(text: str) -> int:
    if len(text) > _LONGEST_INTEGER or not MIN_INTEGER <= (value := int(text)) <= MAX_INTEGER:
        raise ValueError("an integer wider than 64 bits")
    return value


def _strict_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


# Values were checked before: no cycles, nothing that is not finite, bytes the only type JSON lacks.
_JSON_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), default=bytes_to_tag
)
_JSON_DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse_constant,
    parse_int=_strict_int,
    parse_float=_strict_float,
    object_pairs_hook=map_from_pairs,
)
