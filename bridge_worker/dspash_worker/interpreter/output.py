"""Output: what code prints, kept up to a limit."""

from __future__ import annotations

import io
import sys
from typing import Any, Final

__all__ = ["Output"]

_STDOUT: Final = 1


class Output:
    """Takes the place of sys.stdout and sys.stderr. What is over the limit is counted and dropped, never kept."""

    def __init__(self, limit_bytes: int) -> None:
        self._kept = _Kept(limit_bytes)
        self._stream = _Stream(self._kept, encoding="utf-8", errors="backslashreplace", write_through=True)

    def __repr__(self) -> str:
        return f"<Output {self._kept!r}>"

    def install(self) -> None:
        """Catch what is printed from now on, whatever the code has made of the streams."""
        if self._stream.closed:
            self._stream = _Stream(
                self._kept, encoding="utf-8", errors="backslashreplace", write_through=True
            )
        sys.stdout = sys.stderr = self._stream

    def take(self) -> str:
        """Return what was printed since the last look, without the line end it ends with."""
        text, dropped = self._kept.take()
        if dropped:
            return f"{text}\n[{dropped} more bytes were printed and are not shown]"
        return text.rstrip("\n")


class _Stream(io.TextIOWrapper):
    """A text stream that code cannot close for good, and that stands for descriptor 1."""

    def close(self) -> None:
        """Leave it open: what follows must be caught as well."""

    def fileno(self) -> int:
        return _STDOUT


class _Kept(io.BufferedIOBase):
    """Bytes up to a limit, and a count of the rest."""

    name = "<output>"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__()
        self._limit = limit_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def __repr__(self) -> str:
        return f"{min(self._size, self._limit)} of {self._size} bytes"

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        size = len(data)
        room = self._limit - self._size
        if room > 0:
            self._pieces.append(bytes(data[:room]))
        self._size += size
        return size

    def take(self) -> tuple[str, int]:
        text = b"".join(self._pieces).decode(errors="replace")
        dropped = max(0, self._size - self._limit)
        self._pieces.clear()
        self._size = 0
        return text, dropped
