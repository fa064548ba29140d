"""Framing: a 4-byte big-endian length, then that many bytes of payload (Erlang's `{packet, 4}`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from dspash_protocol.errors import BrokenFramingError, FrameTooLargeError, TruncatedFrameError
from dspash_protocol.limits import HEAD_BYTES, MAX_FRAME, SKIP_LIMIT

__all__ = ["HEADER_BYTES", "FrameDecoder", "Oversized", "encode_frame"]

_HEADER: Final = struct.Struct(">I")
HEADER_BYTES: Final = _HEADER.size


@dataclass(frozen=True, slots=True)
class Oversized:
    """A frame longer than the limit, skipped without being buffered; `head` is how it began."""

    length: int
    limit: int
    head: bytes


def encode_frame(payload: bytes, *, max_frame: int = MAX_FRAME) -> bytes:
    """Put the length before `payload`. Raises FrameTooLargeError when it is longer than `max_frame` bytes."""
    if len(payload) > max_frame:
        raise FrameTooLargeError(size=len(payload), limit=max_frame)
    return _HEADER.pack(len(payload)) + payload


class FrameDecoder:
    """Cuts a byte stream into payloads. Never waits, never keeps more than one unfinished frame."""

    def __init__(self, *, max_frame: int = MAX_FRAME) -> None:
        self.max_frame = max_frame
        self._buffer = bytearray()
        self._need = HEADER_BYTES  # no frame can be complete before the buffer holds this much
        self._skipping: Oversized | None = None
        self._skip_left = 0

    def __repr__(self) -> str:
        return f"<FrameDecoder buffered={len(self._buffer)} skip_left={self._skip_left}>"

    @property
    def mid_frame(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer) or self._skipping is not None

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes | Oversized]:
        """Take bytes in any chunking; return the payloads they complete, oldest first.

        Raises BrokenFramingError when a length cannot be one; the stream is of no use after that.
        """
        done: list[bytes | Oversized] = []
        if self._skipping is not None:
            data = self._skip(memoryview(data), done)
        buffer = self._buffer
        buffer += data
        if len(buffer) < self._need:
            return done
        position, size = 0, len(buffer)
        with memoryview(buffer) as view:
            while size - position >= HEADER_BYTES:
                (length,) = _HEADER.unpack_from(view, position)
                start = position + HEADER_BYTES
                if length > self.max_frame:
                    position = self._begin_skip(length, view, start, done)
                    continue
                if size - start < length:
                    break
                done.append(bytes(view[start : start + length]))
                position = start + length
        del buffer[:position]
        self._need = self._missing()
        return done

    def eof(self) -> None:
        """The stream ended. Raises TruncatedFrameError when that was inside a frame."""
        if self.mid_frame:
            raise TruncatedFrameError(repr(self))

    def _missing(self) -> int:
        if len(self._buffer) < HEADER_BYTES:
            return HEADER_BYTES
        return HEADER_BYTES + _HEADER.unpack_from(self._buffer)[0]

    def _begin_skip(self, length: int, view: memoryview, start: int, done: list[bytes | Oversized]) -> int:
        """Drop the announced bytes; returns the position up to which the buffer is spent."""
        if length >= SKIP_LIMIT:
            raise BrokenFramingError(
                f"announced length {length:#x} cannot be a frame: something else was written into the stream"
            )
        self._skipping = Oversized(length, self.max_frame, b"")
        self._skip_left = length
        rest = self._skip(view[start:], done)
        return len(view) - len(rest)

    def _skip(self, data: memoryview, done: list[bytes | Oversized]) -> memoryview:
        """Swallow what belongs to the skipped frame; returns the rest."""
        skipping = self._skipping
        assert skipping is not None, "only called while skipping"
        taken = data[: self._skip_left]
        missing_head = HEAD_BYTES - len(skipping.head)
        if missing_head > 0:
            skipping = Oversized(skipping.length, skipping.limit, skipping.head + bytes(taken[:missing_head]))
        self._skip_left -= len(taken)
        self._skipping = skipping if self._skip_left else None
        if not self._skip_left:
            done.append(skipping)
        return data[len(taken) :]
