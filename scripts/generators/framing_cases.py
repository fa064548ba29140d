"""Framing cases: byte streams and the frames in them, under a limit of LIMIT bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LIMIT", "STREAMS", "Skipped", "Stream"]

LIMIT = 16


@dataclass(frozen=True)
class Skipped:
    """A frame over the limit, of `length` bytes."""

    length: int


@dataclass(frozen=True)
class Stream:
    """A stream up to its end: the payloads it gives, and what its end means."""

    name: str
    stream: bytes
    gives: tuple[bytes | Skipped, ...]
    ends: Literal["between_frames", "inside_frame", "broken"]


STREAMS = (
    Stream("nothing at all", b"", (), "between_frames"),
    Stream("one frame", b"\x00\x00\x00\x02{}", (b"{}",), "between_frames"),
    Stream(
        "three frames on each other's heels",
        b'\x00\x00\x00\x02{}\x00\x00\x00\x01\x80\x00\x00\x00\x07{"a":1}',
        (b"{}", b"\x80", b'{"a":1}'),
        "between_frames",
    ),
    Stream(
        "an empty frame is a frame", b"\x00\x00\x00\x00\x00\x00\x00\x01\x80", (b"", b"\x80"), "between_frames"
    ),
    Stream("a frame as long as the limit", b"\x00\x00\x00\x10" + b"x" * 16, (b"x" * 16,), "between_frames"),
    Stream(
        "a frame one byte over the limit is skipped, and the next one read",
        b"\x00\x00\x00\x11" + b"x" * 17 + b"\x00\x00\x00\x02{}",
        (Skipped(17), b"{}"),
        "between_frames",
    ),
    Stream(
        "two frames over the limit, one after the other",
        b"\x00\x00\x00\x14" + b"x" * 20 + b"\x00\x00\x01\x00" + b"y" * 256,
        (Skipped(20), Skipped(256)),
        "between_frames",
    ),
    Stream("the end inside a header", b"\x00\x00\x00\x02{}\x00\x00", (b"{}",), "inside_frame"),
    Stream("the end after a header", b"\x00\x00\x00\x02", (), "inside_frame"),
    Stream("the end inside a payload", b"\x00\x00\x00\x02{", (), "inside_frame"),
    Stream("the end inside a frame that is skipped", b"\x00\x00\x00\x11" + b"x" * 16, (), "inside_frame"),
    Stream("the longest announcement that is skipped", b"\x1f\xff\xff\xff" + b"x" * 100, (), "inside_frame"),
    Stream("the shortest announcement that is stray text", b"\x20\x00\x00\x00", (), "broken"),
    Stream("text printed into the stream", b"Hello, world\n", (), "broken"),
    Stream("text printed behind a frame", b"\x00\x00\x00\x02{}Hello, world\n", (b"{}",), "broken"),
    Stream("a length over four gigabytes less one", b"\xff\xff\xff\xff", (), "broken"),
)
