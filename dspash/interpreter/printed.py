"""Printed: what a worker's native code, and the worker itself, write to descriptors 1 and 2."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["Printed", "TooMuchPrintedError"]

READ_BYTES: Final = 1 << 16
KEPT_BYTES: Final = 1 << 20
LAST_BYTES: Final = 2_000  # of what it wrote, in the error that tells of its end


class TooMuchPrintedError(Exception):
    """The worker wrote more than it may; `size` and `limit` in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"{size} bytes were written to stdout and stderr, over the limit of {limit}")
        self.size = size
        self.limit = limit


class Printed:
    """What comes out of one worker's pipe, of which an execution may fill `limit_bytes`.

    Python's own prints do not come this way: they are in the execution's outcome.
    """

    def __init__(self, descriptor: int, *, limit_bytes: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._limit_bytes = limit_bytes
        self._kept = bytearray()
        self._size = 0
        self._last = b""

    def __repr__(self) -> str:
        return f"<Printed {self._size} bytes>"

    def fileno(self) -> int:
        """Where it is read from."""
        return self._descriptor

    def read(self) -> bool:
        """Take in some of what has come; whether something had. Raises TooMuchPrintedError."""
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except (BlockingIOError, OSError):
            return False
        self._size += len(data)
        self._kept += data[: KEPT_BYTES - len(self._kept)]
        self._last = (self._last + data)[-LAST_BYTES:]
        if self._size > self._limit_bytes:
            raise TooMuchPrintedError(self._size, self._limit_bytes)
        return bool(data)

    def take(self) -> str:
        """Return what has come since the last look, without the line end it ends with. Raises TooMuchPrintedError."""
        while self.read():
            continue
        if not self._size:
            return ""
        text = self._kept.decode(errors="replace").rstrip("\n")
        self._kept.clear()
        self._size = 0
        return text

    def last(self) -> str:
        """What it wrote last, for the error that tells of its end."""
        try:
            while self.read():
                continue
        except TooMuchPrintedError:
            pass  # the end of it is enough
        return self._last.decode(errors="replace").strip()
