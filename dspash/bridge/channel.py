"""Channel: the bytes between the host and one worker."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dspash_protocol import Outbox, Spinning

if TYPE_CHECKING:
    from dspash.bridge.pump import Pump

__all__ = ["SOCKET_BUFFER_BYTES", "Channel"]

READ_BYTES: Final = 1 << 18
HIGH_WATER_BYTES: Final = 8 << 20  # a writer that finds more than this waiting waits itself
SOCKET_BUFFER_BYTES: Final = 1 << 20  # asked of the kernel each way, which may grant less
ARRIVAL_S: Final = 0.01  # how long one wait for data may take
SPIN_S: Final = 2e-3
"""How long to look again and again before sleeping: to be woken on another CPU costs 35 to 50 µs, and each end pays."""

_ARRIVAL_TIME: Final = struct.pack("ll", 0, int(ARRIVAL_S * 1e6))  # a struct timeval
# A host app may have given SIGPIPE its deadly default back.
_SEND_FLAGS: Final = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)


class Channel:
    """One end of a socket pair, written by any thread and read by one at a time, none ever blocking for long.

    A frame goes straight to the kernel while that takes it. What it does not take waits in an outbox that the pump
    empties, so reading goes on while the peer is slow: both sides writing cannot deadlock.
    """

    def __init__(self, sock: socket.socket, pump: Pump, *, on_backlog: Callable[[], None]) -> None:
        # Blocking, with a bound, for the one thread that waits for a reply; everything else says MSG_DONTWAIT.
        sock.settimeout(None)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _ARRIVAL_TIME)
        self._sock = sock
        self._pump = pump
        self._on_backlog = on_backlog
        self._outbox = Outbox()
        self._spinning = Spinning(SPIN_S)
        # Taken by itself, never through its condition: the latter enters and leaves in Python code, where Ctrl-C can
        # strike between the lock and the block, and the lock would stay taken for ever.
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._open = True
        self._mid_write = False

    def __repr__(self) -> str:
        return f"<Channel {'open' if self._open else 'closed'} {self._outbox!r}>"

    def fileno(self) -> int:
        """The descriptor to select on; -1 once closed."""
        return self._sock.fileno()

    @property
    def has_backlog(self) -> bool:
        """Whether something waits for the peer to read."""
        return bool(self._outbox)

    @property
    def has_room(self) -> bool:
        """Whether a writer need not wait: not too much is waiting for the peer to read."""
        return self._outbox.waiting_bytes <= HIGH_WATER_BYTES

    @property
    def is_out_of_step(self) -> bool:
        """Whether a write was interrupted so that nobody knows how much of the frame the peer has got."""
        return self._mid_write

    def write(self, frame: bytes, *, wait_until: float | None = None) -> None:
        """Send `frame`, or leave the rest of it to the pump.

        With `wait_until` (monotonic seconds) a caller that finds too much waiting stays until there is room or that
        time has come: back-pressure. The pump itself passes None. Raises OSError when the peer is gone.
        """
        with self._lock:
            if not self._open:
                raise BrokenPipeError("the channel is closed")
            if self._outbox or self._pump.will_flush(self):
                self._outbox.put(frame)
                must_watch = False
            else:
                self._mid_write = True
                written = self._send(frame)
                must_watch = written < len(frame)
                if must_watch:
                    self._outbox.put(frame, written=written)
                self._mid_write = False
        if must_watch:
            self._on_backlog()
        if wait_until is not None and self._outbox.waiting_bytes > HIGH_WATER_BYTES:
            self._wait_for_room(wait_until)

    def flush(self) -> bool:
        """Write what waits; the pump calls it when the socket is writable. Returns whether nothing is left."""
        with self._lock:
            while self._outbox:
                piece = self._outbox.front()
                self._mid_write = True
                written = self._send(piece)
                self._outbox.took(written)
                self._mid_write = False
                if written < len(piece):
                    break
            self._room.notify_all()
            return not self._outbox

    def flush_backlog(self) -> None:
        """Write what was left to the pump, at the end of its turn."""
        try:
            if not self.flush():
                self._on_backlog()
        except OSError:
            return  # the reading side will see the end

    def read(self) -> bytes | None:
        """What has arrived; b"" at the end of the stream, None when nothing is there yet."""
        return self._receive(socket.MSG_DONTWAIT)

    def await_data(self, *, look: bool) -> bytes | None:
        """What has arrived or arrives within ARRIVAL_S; otherwise as read. `look` again and again before sleeping?"""
        spinning = self._spinning
        if not look or not spinning.begin(time.perf_counter()):
            return self._receive(0)
        while (data := self._receive(socket.MSG_DONTWAIT)) is None:
            os.sched_yield()
            if not spinning.goes_on(time.perf_counter()):
                break
        spinning.end(paid_off=data is not None)
        return self._receive(0) if data is None else data

    def end_writing(self) -> None:
        """Tell the peer that nothing more comes; its answers can still be read."""
        with self._lock:
            self._open = False
            self._outbox.clear()
            self._room.notify_all()
        with contextlib.suppress(OSError):  # the peer was faster
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go of the descriptor. Waiting writers go on, and find it closed at their next write."""
        with self._lock:
            self._open = False
            self._outbox.clear()
            self._room.notify_all()
        self._sock.close()

    def let_go(self) -> None:
        """Close the descriptor and nothing else: taking the lock could wait for a thread that a fork left behind."""
        self._open = False
        self._sock.close()

    def _receive(self, flags: int) -> bytes | None:
        try:
            return self._sock.recv(READ_BYTES, flags)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data, _SEND_FLAGS)
        except (BlockingIOError, InterruptedError):
            return 0

    def _wait_for_room(self, until: float) -> None:
        with self._lock:
            while self._open and self._outbox.waiting_bytes > HIGH_WATER_BYTES:
                left_s = until - time.monotonic()
                if left_s <= 0 or not self._room.wait(left_s):
                    return
