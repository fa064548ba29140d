"""Link: the host's end of the pipe to one interpreter worker, read by the thread that waits."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections import deque
from typing import Final

from dspash.bridge.forked import ForkedProcess
from dspash.bridge.process import Process
from dspash.bridge.stream_budget import ReadingBudget
from dspash.interpreter.printed import Printed
from dspash_protocol import Message, Received, RemoteProtocolError, Role, Session, Spinning

__all__ = ["BrokenLinkError", "Link", "LinkLostError", "LinkTimeoutError"]

READ_BYTES: Final = 1 << 18
SPIN_S: Final = 150e-6
"""How long to look again and again before sleeping: to be woken on another CPU costs 35 to 50 µs."""

_SEND_FLAGS: Final = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)


class LinkTimeoutError(Exception):
    """The worker has neither spoken nor read by the time that was set for it."""


class LinkLostError(Exception):
    """The worker is gone."""


class BrokenLinkError(Exception):
    """What came from the worker is nothing that it may say."""


class Link:
    """Messages to and from one worker. Any thread may send; one at a time receives.

    While it waits it also takes in what the worker prints, so that a worker which prints much is never held up, nor
    holds up its host.
    """

    def __init__(
        self, process: Process | ForkedProcess, sock: socket.socket, *, max_frame: int, printed: Printed
    ) -> None:
        self.session = Session(Role.HOST, max_frame=max_frame)
        self.printed = printed
        self._process = process
        self._sock = sock
        self._spinning = Spinning(SPIN_S)
        self._reading = ReadingBudget(frame_bytes=max_frame)
        self._arrived: deque[Received] = deque()
        self._writes = threading.Lock()
        self._poll = select.poll()
        for descriptor in (sock.fileno(), printed.fileno()):
            self._poll.register(descriptor, select.POLLIN)
        self._watches_end = False

    def __repr__(self) -> str:
        return f"<Link {self.session!r} {self._process!r}>"

    def send(self, message: Message, *, until: float) -> None:
        """Send a message; `until` is on the monotonic clock.

        Raises LinkTimeoutError, LinkLostError, or what Session.send raises for the content.
        """
        frame = memoryview(self.session.send(message))
        with self._writes:
            while frame:
                try:
                    frame = frame[self._sock.send(frame, _SEND_FLAGS) :]
                except (BlockingIOError, InterruptedError):
                    self._wait_for_room(until)
                except OSError as error:
                    raise LinkLostError(str(error)) from None

    def receive(self, *, until: float) -> Received:
        """Wait for the next message.

        Raises LinkTimeoutError, LinkLostError, BrokenLinkError, TooMuchPrintedError; LimitOverrun when reading costs
        too much.
        """
        while not self._arrived:
            data = self._look_again() if self._spinning.begin(time.perf_counter()) else None
            self._take(self._wait(until) if data is None else data)
        return self._arrived.popleft()

    def has_spoken(self) -> bool:
        """Whether the worker has said anything that nobody has received. Raises LinkLostError when it is gone."""
        if self._arrived or self.session.is_mid_frame:
            return True
        data = self._read()
        if data == b"":
            raise LinkLostError("the worker has closed its end")
        return data is not None

    def close(self) -> None:
        """Let go of the descriptor."""
        self._sock.close()

    def _take(self, data: bytes) -> None:
        if not data:
            raise LinkLostError("the worker has closed its end")
        began = time.thread_time()
        try:
            self._arrived.extend(self.session.receive(data))
        except RemoteProtocolError as error:
            raise BrokenLinkError(str(error)) from None
        self._reading.take(time.thread_time() - began)

    def _read(self) -> bytes | None:
        try:
            return self._sock.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def _look_again(self) -> bytes | None:
        while (data := self._read()) is None:
            os.sched_yield()
            if not self._spinning.goes_on(time.perf_counter()):
                break
        self._spinning.end(paid_off=data is not None)
        return data

    def _wait(self, until: float) -> bytes:
        if not self._watches_end and self._process.fileno() >= 0:  # once it is born
            self._poll.register(self._process.fileno(), select.POLLIN)
            self._watches_end = True
        while True:
            left_s = until - time.monotonic()
            ready = self._poll.poll(max(0.0, left_s * 1000)) if left_s > 0 else []
            if not ready:
                raise LinkTimeoutError
            ended = False
            for descriptor, _ in ready:
                if descriptor == self.printed.fileno():
                    self._take_printed()
                elif descriptor == self._process.fileno():
                    ended = True
            data = self._read()
            if data is not None:
                return data
            if ended:  # and a child that it left behind keeps the channel open
                raise LinkLostError("the worker has ended")

    def _take_printed(self) -> None:
        if not self.printed.read():  # it is closed, and would be ready for ever
            self._poll.unregister(self.printed.fileno())

    def _wait_for_room(self, until: float) -> None:
        poll = select.poll()
        poll.register(self._sock.fileno(), select.POLLOUT)
        left_s = until - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise LinkTimeoutError
