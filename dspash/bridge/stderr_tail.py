"""StderrTail: the last lines a worker wrote to stderr."""

from __future__ import annotations

import os
from collections import deque
from typing import Final

from dspash.bridge.shown import shown_line

__all__ = ["StderrTail"]

LINES: Final = 50
LINE_BYTES: Final = 2_000  # of each line; the rest is cut off
READ_BYTES: Final = 1 << 16


class StderrTail:
    """Reads one end of a pipe, so that it never fills up, and keeps the end of what came."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._lines: deque[bytes] = deque(maxlen=LINES)
        self._line = b""
        self.bytes_read = 0

    def __repr__(self) -> str:
        return f"<StderrTail lines={len(self._lines)}>"

    def fileno(self) -> int:
        """Where it is read from; -1 once closed."""
        return self._fd

    @property
    def lines(self) -> tuple[str, ...]:
        """What is kept, oldest line first; nothing in it steers a terminal."""
        last = (self._line,) if self._line else ()
        kept = (*self._lines, *last)[-LINES:]
        return tuple(shown_line(line.removesuffix(b"\r").decode(errors="replace")) for line in kept)

    def read(self) -> bool:
        """Take in some of what has arrived, never waiting; whether more may be there, now or later."""
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.bytes_read += len(data)
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._lines.append((self._line + piece)[:LINE_BYTES])
            self._line = b""
        self._line = (self._line + rest)[:LINE_BYTES]
        return bool(data)

    def read_rest(self) -> None:
        """Take in what has arrived: at most what a pipe holds, for somebody may still be writing."""
        for _ in range(16):
            if not self.read():
                return

    def close(self) -> None:
        """Let go of the pipe."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
