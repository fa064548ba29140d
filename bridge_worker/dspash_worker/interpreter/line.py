"""Line: the pipe of a worker that does one thing at a time."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from typing import Final

from dspash_protocol import Message, Received, Session, Spinning
from dspash_worker.stdio import Pipes

__all__ = ["Line"]

READ_BYTES: Final = 256 * 1024

SPIN_S: Final = 150e-6
"""How long to look for the next message before sleeping: to be woken on another CPU costs 35 to 50 µs."""


class Line:
    """Messages to and from the host. Any thread may send; one at a time receives, and waits where it calls."""

    def __init__(self, pipes: Pipes, session: Session) -> None:
        self.session = session
        self._reading, self._writing = pipes
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._arrived: deque[Received] = deque()
        self._spinning = Spinning(SPIN_S)
        self._writes = threading.Lock()

    def __repr__(self) -> str:
        return f"<Line {self.session!r} arrived={len(self._arrived)}>"

    def send(self, message: Message) -> None:
        """Send one message, waiting while the pipe is full. Raises OSError, or what Session.send raises."""
        with self._writes:
            rest = memoryview(self.session.send(message))
            while rest:
                try:
                    rest = rest[os.write(self._writing, rest) :]
                except BlockingIOError:
                    _wait(self._writing, select.POLLOUT)

    def receive(self) -> Received:
        """Wait for the next message.

        Raises EOFError when the host has closed the pipe between frames, BrokenFramingError or TruncatedFrameError
        when what comes from it is no sequence of frames.
        """
        while not self._arrived:
            data = self._read()
            if not data:
                self.session.receive_eof()
                raise EOFError("the host has closed the pipe")
            self._arrived.extend(self.session.receive(data))
        return self._arrived.popleft()

    def _read(self) -> bytes:
        if self._spinning.begin(time.perf_counter()):
            data = self._look_again()
            self._spinning.end(paid_off=data is not None)
            if data is not None:
                return data
        while True:
            _wait(self._reading, select.POLLIN)
            try:
                return os.read(self._reading, READ_BYTES)
            except BlockingIOError:
                continue

    def _look_again(self) -> bytes | None:
        while True:
            try:
                return os.read(self._reading, READ_BYTES)
            except BlockingIOError:
                os.sched_yield()
                if not self._spinning.goes_on(time.perf_counter()):
                    return None

    def disown(self) -> None:
        """Have no pipe any more: a forked child of the code that runs here is not the worker, and must not speak for it."""
        for descriptor in {self._reading, self._writing}:
            os.close(descriptor)
        self._reading = self._writing = -1


def _wait(descriptor: int, events: int) -> None:
    poll = select.poll()
    poll.register(descriptor, events)
    poll.poll()
