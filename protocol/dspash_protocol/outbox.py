"""Outbox: bytes waiting for a pipe that cannot take them yet."""

from __future__ import annotations

from collections import deque

__all__ = ["Outbox"]


class Outbox:
    """A queue of frames, written from the front in whatever pieces the pipe takes. Its owner holds the lock."""

    def __init__(self) -> None:
        self._frames: deque[memoryview] = deque()
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<Outbox frames={len(self._frames)} bytes={self._bytes}>"

    def __bool__(self) -> bool:
        return bool(self._frames)

    @property
    def waiting_bytes(self) -> int:
        """How much has been put in and not been taken."""
        return self._bytes

    def put(self, frame: bytes, *, written: int = 0) -> None:
        """Append what is left of `frame` after its first `written` bytes."""
        rest = memoryview(frame)[written:]
        if rest:
            self._frames.append(rest)
            self._bytes += len(rest)

    def front(self) -> memoryview:
        """The next piece to write. Only when not empty."""
        return self._frames[0]

    def took(self, count: int) -> None:
        """The pipe took `count` bytes of the front piece."""
        piece = self._frames[0]
        self._bytes -= count
        if count == len(piece):
            self._frames.popleft()
        else:
            self._frames[0] = piece[count:]

    def take_all(self) -> bytes:
        """All that waits, in one piece; none of it waits here any more."""
        taken = b"".join(self._frames)
        self.clear()
        return taken

    def clear(self) -> None:
        """Drop everything."""
        self._frames.clear()
        self._bytes = 0
