"""Value cases: the same value in both codecs, each time as `x` of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["VALUES", "Pair"]


@dataclass(frozen=True)
class Pair:
    """A value and how each codec writes it in the shortest way."""

    name: str
    value: Any
    json: bytes
    msgpack: bytes


VALUES = (
    Pair("null", None, b'{"x":null}', b"\x81\xa1x\xc0"),
    Pair("true", value=True, json=b'{"x":true}', msgpack=b"\x81\xa1x\xc3"),
    Pair("false", value=False, json=b'{"x":false}', msgpack=b"\x81\xa1x\xc2"),
    Pair("zero", 0, b'{"x":0}', b"\x81\xa1x\x00"),
    Pair("an integer below zero", -1, b'{"x":-1}', b"\x81\xa1x\xff"),
    Pair(
        "an integer past 53 bits",
        9007199254740993,
        b'{"x":9007199254740993}',
        b"\x81\xa1x\xcf\x00\x20\x00\x00\x00\x00\x00\x01",
    ),
    Pair(
        "the largest integer",
        18446744073709551615,
        b'{"x":18446744073709551615}',
        b"\x81\xa1x\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    ),
    Pair(
        "the smallest integer",
        -9223372036854775808,
        b'{"x":-9223372036854775808}',
        b"\x81\xa1x\xd3\x80\x00\x00\x00\x00\x00\x00\x00",
    ),
    Pair(
        "a float that is a whole number stays a float",
        1.0,
        b'{"x":1.0}',
        b"\x81\xa1x\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",
    ),
    Pair(
        "a float that binary cannot end", 0.1, b'{"x":0.1}', b"\x81\xa1x\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"
    ),
    Pair("minus zero", -0.0, b'{"x":-0.0}', b"\x81\xa1x\xcb\x80\x00\x00\x00\x00\x00\x00\x00"),
    Pair("the smallest float", 5e-324, b'{"x":5e-324}', b"\x81\xa1x\xcb\x00\x00\x00\x00\x00\x00\x00\x01"),
    Pair("no text", "", b'{"x":""}', b"\x81\xa1x\xa0"),
    Pair(
        "text",
        "é€😀",
        b'{"x":"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"}',
        b"\x81\xa1x\xa9\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
    ),
    Pair("text with a line break", "a\nb", b'{"x":"a\\nb"}', b"\x81\xa1x\xa3a\nb"),
    Pair("no bytes", b"", b'{"x":{"$bytes":""}}', b"\x81\xa1x\xc4\x00"),
    Pair("bytes", b"\x00\xffhi", b'{"x":{"$bytes":"AP9oaQ=="}}', b"\x81\xa1x\xc4\x04\x00\xffhi"),
    Pair("no list", [], b'{"x":[]}', b"\x81\xa1x\x90"),
    Pair(
        "a list",
        [1, "a", None, [2.5]],
        b'{"x":[1,"a",null,[2.5]]}',
        b"\x81\xa1x\x94\x01\xa1a\xc0\x91\xcb\x40\x04\x00\x00\x00\x00\x00\x00",
    ),
    Pair("no map", {}, b'{"x":{}}', b"\x81\xa1x\x80"),
    Pair(
        "a map",
        {"a": {"b": b"\x01"}},
        b'{"x":{"a":{"b":{"$bytes":"AQ=="}}}}',
        b"\x81\xa1x\x81\xa1a\x81\xa1b\xc4\x01\x01",
    ),
    Pair(
        "a DSPy type",
        {"$dspy": "Image", "url": "https://x/y.png"},
        b'{"x":{"$dspy":"Image","url":"https://x/y.png"}}',
        b"\x81\xa1x\x82\xa5$dspy\xa5Image\xa3url\xafhttps://x/y.png",
    ),
)
