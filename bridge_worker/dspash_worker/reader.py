"""Reader: takes in what the host says, by whichever thread is best placed to read it."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, Protocol

from dspash_protocol import BrokenFramingError, Received, Session, Spinning
from dspash_worker.log import say

__all__ = ["Pausable", "Reader", "StreamEnd"]

READ_BYTES: Final = 256 * 1024

SPIN_S: Final = 2e-3
"""How long to look again before sleeping: to be woken on another CPU costs 35 to 50 µs and leaves the caches cold."""

LEAD_S: Final = 0.01
"""How long a thread reads for itself what it waits for; past that, a switch of threads is no loss worth having."""


class StreamEnd(StrEnum):
    """Why nothing more can be read."""

    EOF = "eof"  # the host closed the pipe between frames, or is gone
    BROKEN = "broken"  # the bytes from the host are no sequence of frames, or ended inside one


class Pausable(Protocol):
    """The wait of the permanent thread, from which the pipe is taken out while another thread reads."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Reader:
    """Reads the pipe on the permanent thread, or on one that waits for what the host says next; never on two at once.

    A message that is read by the thread that waits for it needs no second wake-up. Every message goes to `receive`, in
    order, on the thread that reads.
    """

    def __init__(
        self,
        descriptor: int,
        session: Session,
        receive: Callable[[Received], None],
        *,
        expects_requests: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`expects_requests`: whether the host's next request may come so soon that looking for it pays."""
        self.end: StreamEnd | None = None
        self._descriptor = descriptor
        self._session = session
        self._receive = receive
        self._expects_requests = expects_requests
        self._now = now
        self._reading = threading.Lock()  # held by the one thread that takes messages in
        self._spinning = Spinning(SPIN_S)
        self._arrival = self._poller()  # for the thread that reads: no poller may be used by two at once

    def __repr__(self) -> str:
        return f"<Reader {self.end or 'open'}>"

    def read(self) -> None:
        """Take in what has come, and what comes next while looking for it pays, for LEAD_S at most.

        Nothing when another thread reads.
        """
        if self._reading.acquire(blocking=False):
            try:
                until = (
                    self._now() + LEAD_S
                )  # a host that never pauses must not keep answers from being written
                self._take_in()
                while (
                    self._expects_requests
                    and not self._session.owed
                    and self._now() < until
                    and self._look_again(_never)
                ):
                    continue  # a host that waits for each answer sends its next request now
            finally:
                self._reading.release()

    def lead(self, is_over: Callable[[], object], wait: Pausable, *, own: int) -> None:
        """Read in this thread until `is_over`, or for LEAD_S; not at all while another one does.

        `own` is how many of the host's open requests this thread serves. While there are others, it only sleeps: they
        would have to share the interpreter with one that looks. A thread that serves none leaves the reading to them.
        """
        if self.end is not None or not self._reading.acquire(blocking=False):
            return
        try:
            wait.pause()
            try:
                self._lead(is_over, own)
            finally:
                wait.resume()
        finally:
            self._reading.release()

    def is_readable(self) -> bool:
        """Whether the pipe has something to say: bytes, or its own end. Also while another thread reads."""
        return bool(self._poller().poll(0))

    def _poller(self) -> select.poll:
        poller = select.poll()
        poller.register(self._descriptor, select.POLLIN)
        return poller

    def _lead(self, is_over: Callable[[], object], own: int) -> None:
        until = self._now() + LEAD_S
        while self.end is None and not is_over():
            if self._session.owed <= own:
                if self._look_again(is_over):
                    continue
            elif not own:
                return
            left_s = until - self._now()
            if left_s <= 0 or not self._arrival.poll(left_s * 1000):
                return
            self._take_in()

    def _look_again(self, is_over: Callable[[], object]) -> bool:
        """Look for what comes next instead of sleeping, where that has paid lately; whether something came."""
        spinning = self._spinning
        if self.end is not None or not spinning.begin(self._now()):
            return False
        while not (found := self._take_in()) and not is_over():
            os.sched_yield()
            if not spinning.goes_on(self._now()):
                break
        spinning.end(paid_off=found)
        return found

    def _take_in(self) -> bool:
        """Take in what has come; whether there was anything."""
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # reset by a host that died
        end = None if data else StreamEnd.EOF
        messages: Sequence[Received] = ()
        try:
            if data:
                messages = self._session.receive(data)
            else:
                self._session.receive_eof()
        except BrokenFramingError as error:
            say(f"the stream from the host is broken: {error}")
            end = StreamEnd.BROKEN
            messages = error.received
        for message in messages:
            self._receive(message)
        self.end = end  # only now: another thread stops the worker as soon as it sees it
        return True


def _never() -> bool:
    return False
