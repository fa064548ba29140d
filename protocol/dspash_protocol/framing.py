"""Framing: a 4-byte big-endian length, then that many bytes of payload (Erlang's `{packet, 4}`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

from dspash_protocol.errors import BrokenFramingError, FrameTooLargeError, TruncatedFrameError
from dspash_protocol.limits import HEAD_BYTES, MAX_FRAME, SKIP_LIMIT, TAIL_BYTES

__all__ = ["HEADER_BYTES", "FrameDecoder", "Oversized", "encode_frame"]

_HEADER: Final = struct.Struct(">I")
HEADER_BYTES: Final = _HEADER.size
_SHOWN_BYTES: Final = 64  # of stray text, in the error


@dataclass(frozen=True, slots=True)
class Oversized:
    """A frame longer than the limit, skipped without being buffered; `head` and `tail` are how it began and ended."""

    length: int
    limit: int
    head: bytes
    tail: bytes


def encode_frame(payload: bytes, *, max_frame: int = MAX_FRAME) -> bytes:
    """Put the length before `payload`. Raises FrameTooLargeError when it is longer than `max_frame` bytes."""
    if len(payload) > max_frame or len(payload) >= SKIP_LIMIT:
        raise FrameTooLargeError(size=len(payload), limit=min(max_frame, SKIP_LIMIT - 1))
    return _HEADER.pack(len(payload)) + payload


_Payloads: TypeAlias = list[bytes | Oversized]


@dataclass(slots=True)
class _Skip:
    """The rest of a frame that is over the limit, on its way past."""

    length: int
    left: int
    head: bytes = b""
    tail: bytes = b""

    def take(self, data: memoryview) -> int:
        """Swallow the part of `data` that belongs to the frame; return how much that was."""
        part = data[: self.left]
        self.left -= len(part)
        self.head += bytes(part[: HEAD_BYTES - len(self.head)])
        self.tail = (self.tail + bytes(part[-TAIL_BYTES:]))[-TAIL_BYTES:]
        return len(part)


class FrameDecoder:
    """Cuts a byte stream into payloads. Never waits, never keeps more than one unfinished frame."""

    def __init__(self, *, max_frame: int = MAX_FRAME) -> None:
        if not 0 < max_frame < SKIP_LIMIT:
            raise ValueError(f"max_frame is {max_frame}, must be from 1 to {SKIP_LIMIT - 1}")
        self.max_frame = max_frame
        self._buffer = bytearray()
        self._need = HEADER_BYTES  # no frame can be complete before the buffer holds this much
        self._skip: _Skip | None = None
        self._over: str | None = None  # why nothing more is taken

    def __repr__(self) -> str:
        return f"<FrameDecoder {self._over or self._standing()}>"

    @property
    def mid_frame(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer) or self._skip is not None

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes | Oversized]:
        """Take bytes in any chunking; return the payloads they complete, oldest first.

        Raises BrokenFramingError when a length cannot be one, and from then on always.
        """
        if self._over is not None:
            raise BrokenFramingError(self._over)
        buffer = self._buffer
        if not buffer and self._skip is None and len(data) >= HEADER_BYTES:
            (length,) = _HEADER.unpack_from(data)
            if length == len(data) - HEADER_BYTES and length <= self.max_frame:
                return [bytes(data[HEADER_BYTES:])]  # one read, one frame: the usual case
        done: _Payloads = []
        if buffer:
            buffer += data
            if len(buffer) >= self._need:
                with memoryview(buffer) as view:
                    spent = self._cut(view, done)
                del buffer[:spent]
        else:
            with memoryview(data) as view:
                buffer += view[self._cut(view, done) :]
        return done

    def eof(self) -> None:
        """The stream ended; nothing can follow. Raises TruncatedFrameError when that was inside a frame."""
        self._over = "the stream had ended"
        if self.mid_frame:
            raise TruncatedFrameError(f"the stream ended inside a frame: {self._standing()}")

    def _cut(self, view: memoryview, done: _Payloads) -> int:
        """Move every whole frame of `view` to `done`; return how many bytes that used up."""
        position, size = 0, len(view)
        while True:
            if self._skip is not None:
                position += self._skip.take(view[position:])
                self._end_skip(done)
            if size - position < HEADER_BYTES:
                self._need = HEADER_BYTES
                return position
            (length,) = _HEADER.unpack_from(view, position)
            start = position + HEADER_BYTES
            if length >= SKIP_LIMIT:
                self._break(view[position : position + _SHOWN_BYTES], done)
            if length > self.max_frame:
                self._skip = _Skip(length, left=length)
                position = start
            elif size - start < length:
                self._need = HEADER_BYTES + length
                return position
            else:
                position = start + length
                done.append(bytes(view[start:position]))

    def _break(self, stray: memoryview, done: _Payloads) -> NoReturn:
        self._over = f"no frame begins with {bytes(stray)!r}: something else was written into the stream"
        raise BrokenFramingError(self._over, done)

    def _end_skip(self, done: _Payloads) -> None:
        skip = self._skip
        if skip is not None and not skip.left:
            done.append(Oversized(skip.length, self.max_frame, skip.head, skip.tail))
            self._skip = None

    def _standing(self) -> str:
        if self._skip is not None:
            return f"{self._skip.length - self._skip.left} of {self._skip.length} bytes skipped"
        have = len(self._buffer)
        if have < HEADER_BYTES:
            return f"{have} of {HEADER_BYTES} header bytes"
        return f"{have - HEADER_BYTES} of {self._need - HEADER_BYTES} bytes"
