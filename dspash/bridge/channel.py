"""Channel: the bytes between the host and one worker."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from dspash_protocol import Outbox

__all__ = ["Channel"]

READ_BYTES: Final = 1 << 18
HIGH_WATER_BYTES: Final = 8 << 20  # a writer that finds more than this waiting waits itself
SOCKET_BUFFER_BYTES: Final = 1 << 20  # asked of the kernel each way, which may grant less
_NO_SIGNAL: Final = getattr(socket, "MSG_NOSIGNAL", 0)  # a host app may have given SIGPIPE its deadly default back


class Channel:
    """One end of a socket pair, written by any thread and read by the pump, neither ever blocking on it.

    A frame goes straight to the kernel while that takes it. What it does not take waits in an outbox that the pump
    empties, so the pump goes on reading while the peer is slow: both sides writing cannot deadlock.
    """

    def __init__(self, sock: socket.socket, *, on_backlog: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_backlog = on_backlog
        self._outbox = Outbox()
        self._room = threading.Condition(threading.Lock())
        self._open = True

    def __repr__(self) -> str:
        return f"<Channel {'open' if self._open else 'closed'} {self._outbox!r}>"

    def fileno(self) -> int:
        """The descriptor to select on; -1 once closed."""
        return self._sock.fileno()

    @property
    def has_backlog(self) -> bool:
        """Whether something waits for the peer to read."""
        return bool(self._outbox)

    def write(self, frame: bytes, *, wait_until: float | None = None) -> None:
        """Send `frame`, or leave the rest of it to the pump.

        With `wait_until` (monotonic seconds) a caller that finds too much waiting stays until there is room or that
        time has come: back-pressure. The pump itself passes None. Raises OSError when the peer is gone.
        """
        with self._room:
            if not self._open:
                raise BrokenPipeError("the channel is closed")
            written = 0
            had_backlog = bool(self._outbox)
            if not had_backlog:
                written = self._send(memoryview(frame))
                if written == len(frame):
                    return
            self._outbox.put(frame, written=written)
        if not had_backlog:
            self._on_backlog()
        if wait_until is not None:
            self._wait_for_room(wait_until)

    def flush(self) -> bool:
        """Write what waits; the pump calls it when the socket is writable. Returns whether nothing is left."""
        with self._room:
            while self._outbox:
                piece = self._outbox.front()
                written = self._send(piece)
                self._outbox.took(written)
                if written < len(piece):
                    break
            self._room.notify_all()
            return not self._outbox

    def read(self) -> bytes | None:
        """What has arrived; b"" at the end of the stream, None when nothing is there yet."""
        try:
            return self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def end_writing(self) -> None:
        """Tell the peer that nothing more comes; its answers can still be read."""
        with self._room:
            self._open = False
            self._outbox.clear()
            self._room.notify_all()
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the peer was faster

    def close(self) -> None:
        """Let go of the descriptor. Waiting writers go on, and find it closed at their next write."""
        with self._room:
            self._open = False
            self._outbox.clear()
            self._room.notify_all()
        self._sock.close()

    def let_go(self) -> None:
        """Close the descriptor and nothing else: taking the lock could wait for a thread that a fork left behind."""
        self._open = False
        self._sock.close()

    def _send(self, data: memoryview) -> int:
        try:
            return self._sock.send(data, _NO_SIGNAL)
        except (BlockingIOError, InterruptedError):
            return 0

    def _wait_for_room(self, until: float) -> None:
        with self._room:
            while self._open and self._outbox.waiting_bytes > HIGH_WATER_BYTES:
                left_s = until - time.monotonic()
                if left_s <= 0 or not self._room.wait(left_s):
                    return
