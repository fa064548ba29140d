"""Codec: one payload to and from one map, in JSON or msgpack, told apart by the first byte."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, NoReturn

import msgpack

from dspash_protocol.errors import InvalidPayloadError, InvalidValueError
from dspash_protocol.explain import explain
from dspash_protocol.limits import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER
from dspash_protocol.values import WireMap, bytes_to_tag, find_problem, map_from_pairs

__all__ = ["Codec", "codec_of", "decode", "encode"]


class Codec(StrEnum):
    """How a payload is written."""

    JSON = "json"
    MSGPACK = "msgpack"


# Cheap necessary conditions, run in C over the raw bytes: only a payload that meets one is walked in Python.
_FLOAT_32, _FLOAT_64 = 0xCA, 0xCB  # looked for first: finding a byte is fifty times faster than an expression
_MAY_BE_NOT_FINITE: Final = re.compile(rb"[\xca\xcb][\x7f\xff]")
_MAY_BE_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_A_CONTAINER: Final = bytes(byte for byte in range(256) if not (0x80 <= byte <= 0x9F or 0xDC <= byte <= 0xDF))
_EXTENSION_LIMIT: Final = 0  # extension types would smuggle in timestamps and host types


def codec_of(payload: bytes) -> Codec:
    """Tell the codec from the first byte. Raises InvalidPayloadError when it begins neither kind of map."""
    first = payload[0] if payload else -1
    if first == 0x7B:
        return Codec.JSON
    if 0x80 <= first <= 0x8F or first in (0xDE, 0xDF):
        return Codec.MSGPACK
    seen = f"byte {first:#04x}" if payload else "nothing"
    raise InvalidPayloadError("$", f"a payload is a JSON object or a msgpack map, this begins with {seen}")


def encode(message: WireMap, codec: Codec) -> bytes:
    """Write one map. Raises InvalidValueError with the path of what cannot be written."""
    try:
        if codec is Codec.MSGPACK:
            payload: bytes = msgpack.packb(message)
            if _may_be_not_finite(payload):
                _refuse_bad_value(message)
            return payload
        return _JSON_ENCODER.encode(message).encode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        _refuse_bad_value(message)
        raise InvalidValueError("$", str(error)) from None


def decode(payload: bytes) -> WireMap:
    """Read one map, strictly. Raises InvalidPayloadError with the path of what is refused."""
    codec = codec_of(payload)
    try:
        value = _decode_msgpack(payload) if codec is Codec.MSGPACK else _decode_json(payload)
    except (InvalidValueError, ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise explain(payload, error, json_text=codec is Codec.JSON) from None
    return value


def _decode_msgpack(payload: bytes) -> WireMap:
    value = _unpack(payload, map_from_pairs)
    if _may_be_not_finite(payload) or len(payload.translate(None, _NOT_A_CONTAINER)) > MAX_DEPTH:
        _refuse_bad_value(value)
    return value


def _may_be_not_finite(payload: bytes) -> bool:
    return (_FLOAT_64 in payload or _FLOAT_32 in payload) and _MAY_BE_NOT_FINITE.search(payload) is not None


def _unpack(payload: bytes, read_map: Callable[[list[tuple[Any, Any]]], Any]) -> WireMap:
    return msgpack.unpackb(
        payload, object_pairs_hook=read_map, max_ext_len=_EXTENSION_LIMIT, ext_hook=_refuse_extension
    )


def _decode_json(payload: bytes) -> WireMap:
    value: WireMap = _JSON_DECODER.decode(payload.decode())
    deep = payload.count(b"{") + payload.count(b"[") > MAX_DEPTH
    if deep or _MAY_BE_SURROGATE.search(payload):
        _refuse_bad_value(value)
    return value


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise ValueError(f"msgpack extension type {code} is not a wire value")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


def _strict_int(text: str) -> int:
    if len(text) > 20 or not MIN_INTEGER <= (value := int(text)) <= MAX_INTEGER:
        raise ValueError("an integer is wider than 64 bits")
    return value


def _strict_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def _refuse_bad_value(value: object) -> None:
    found = find_problem(value)
    if found is not None:
        path, problem = found
        raise InvalidValueError(f"${path}", problem)


_JSON_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=bytes_to_tag
)
_JSON_DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse_constant,
    parse_int=_strict_int,
    parse_float=_strict_float,
    object_pairs_hook=map_from_pairs,
)
