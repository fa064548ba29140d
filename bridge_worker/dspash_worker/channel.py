"""Channel: moves frames between the pipes and the session, so that neither direction ever waits for the other."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from dspash_protocol import (
    Event,
    EventKind,
    LocalProtocolError,
    Message,
    Received,
    Reply,
    Session,
    State,
)
from dspash_worker.events import EventQueue
from dspash_worker.log import say
from dspash_worker.reader import Reader, StreamEnd
from dspash_worker.stdio import Pipes
from dspash_worker.writer import Writer, WriterState

__all__ = ["WRITE_DEADLINE_S", "Channel", "Ending"]

WAKE_BYTES: Final = 4096

WRITE_DEADLINE_S: Final = 60.0
"""How long the pipe may take nothing while bytes wait: time enough for a host stopped by hand or by a debugger."""

CAN_LEAD: Final = hasattr(select, "epoll")
"""With poll, what one thread waits for cannot be changed by another; there, one thread reads everything."""

LAST_WRITE_DEADLINE_S: Final = 2.0
"""The same once the worker has said all it has to say, and would otherwise be gone."""


class Ending(StrEnum):
    """Why a channel's loop ended."""

    EOF = "eof"  # the host closed the pipe between frames, or is gone
    BROKEN = "broken"  # the bytes from the host are no sequence of frames, or ended inside one
    STALLED = "stalled"  # the host does not read
    STOPPED = "stopped"  # the worker asked for it


_WHEN_READING: Final = {StreamEnd.EOF: Ending.EOF, StreamEnd.BROKEN: Ending.BROKEN}
_WHEN_WRITING: Final = {WriterState.BROKEN: Ending.EOF, WriterState.OVERFULL: Ending.STALLED}


class Channel:
    """The pipe to the host. One thread reads and drains, in `run`; any thread sends, and may read for a while in `lead`.

    Sending raises ConnectionError when the pipe is gone, else what Session.send raises.
    """

    def __init__(
        self,
        pipes: Pipes,
        session: Session,
        *,
        write_deadline_s: float = WRITE_DEADLINE_S,
        expects_requests: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipes = pipes
        self._session = session
        self._write_deadline_s = write_deadline_s
        self._expects_requests = expects_requests
        self._now = now
        self._writer = Writer(pipes.writing, on_backlog=self._wake_reader, now=now)
        self._host_gone = False
        self._stopping = False
        self._thread: int | None = None  # the one in `run`
        self._reader: Reader | None = None  # while it is there
        self._poller: Any = select.epoll() if CAN_LEAD else select.poll()
        self.forked = False
        self._wake_reading, self._wake_writing = os.pipe()
        for descriptor in (*pipes, self._wake_reading, self._wake_writing):
            os.set_blocking(descriptor, False)

    def __repr__(self) -> str:
        return f"<Channel {self._find_ending() or 'open'} {self._session!r} {self._writer!r}>"

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were sent and not taken by the pipe yet."""
        return self._writer.waiting_bytes

    # --- sending, from any thread ---

    def send(self, message: Message) -> None:
        """Send one message; never waits."""
        self._writer.put(self._encode(message))

    def send_unless_waiting(self, message: Message) -> bool:
        """Send something that is worth nothing late, if nothing waits; whether it was sent."""
        if self._writer.waiting_bytes:
            return False
        self.send(message)
        return True

    def reply(self, reply: Reply, after: EventQueue | None = None) -> None:
        """Send a request's answer, behind the events in `after`; never waits."""
        frame = self._encode(reply)
        if after is None:
            self._writer.put(frame)
        else:
            self._writer.put_last(frame, after)

    def emit(self, event: Event, kind: EventKind, queue: EventQueue, check: Callable[[], None]) -> None:
        """Send one event of a call; an item may wait, see Writer.put_event."""
        self._writer.put_event(kind, self._encode(event), queue, check)

    def hold(self, event: Event, kind: EventKind, queue: EventQueue) -> None:
        """Send a call's last event with its answer."""
        self._writer.hold_event(kind, self._encode(event), queue)

    def throttle(self) -> None:
        """Wait while too much waits for the pipe. For threads that would go on to produce more."""
        self._writer.throttle()

    def wake(self) -> None:
        """Let threads that wait in `emit` look whether their calls were cancelled."""
        self._writer.wake()

    def stop(self) -> None:
        """Let `run` return once all that was sent so far is on its way."""
        self._writer.restart_patience()
        self._stopping = True
        self._wake_reader()

    def disown(self) -> None:
        """Forget the pipe, in a child that user code forked: what it says is not the worker's to say."""
        self.forked = True
        self._writer.disown()
        for descriptor in (*self._pipes, self._wake_reading, self._wake_writing):
            os.close(descriptor)
        if CAN_LEAD:
            self._poller.close()

    def _encode(self, message: Message) -> bytes:
        try:
            return self._session.send(message)
        except LocalProtocolError:
            if self._session.state is State.CLOSED:
                raise ConnectionError("the host closed the pipe") from None
            raise

    # --- reading, in one thread ---

    def run(self, receive: Callable[[Received], None]) -> Ending:
        """Read until the pipe ends or `stop` is called; every message goes to `receive`, in order."""
        self._thread = threading.get_ident()
        reading, writing = self._pipes
        poller = self._poller
        poller.register(reading, select.POLLIN)
        poller.register(self._wake_reading, select.POLLIN)
        # Without interest in writing, the pipe still tells that nobody holds its other end: a host whose end was
        # inherited by some child of its own never closes it.
        poller.register(writing, 0)
        reader = self._reader = Reader(
            reading, self._session, receive, expects_requests=self._expects_requests, now=self._now
        )
        drains = False
        while (ending := self._find_ending()) is None:
            if bool(self._writer.waiting_bytes) is not drains:
                drains = not drains
                poller.modify(writing, select.POLLOUT if drains else 0)
            for descriptor, signs in poller.poll(self._patience() if drains else None):
                if descriptor == reading:
                    reader.read()
                elif descriptor == self._wake_reading:
                    os.read(self._wake_reading, WAKE_BYTES)
                elif signs & select.POLLOUT:
                    self._writer.drain()
                elif not reader.is_readable():
                    self._host_gone = True
        self._writer.close()
        return ending

    # --- reading, in a thread that waits for what the host says next ---

    def lead(self, is_over: Callable[[], object], *, own: int = 0) -> None:
        """Read in this thread for a moment, at most until `is_over`, if nobody else does. See Reader.lead."""
        if not CAN_LEAD or self.forked or self._reader is None or not (own or self._expects_requests):
            return
        self._reader.lead(is_over, self, own=own)
        if self._reader.end is not None:
            self._wake_reader()

    def pause(self) -> None:
        """Leave the reading to another thread."""
        self._poller.modify(self._pipes.reading, 0)

    def resume(self) -> None:
        """Read again."""
        self._poller.modify(self._pipes.reading, select.POLLIN)

    def _find_ending(self) -> Ending | None:
        if self._reader is not None and self._reader.end is not None:
            return _WHEN_READING[self._reader.end]
        if self._host_gone:
            return Ending.EOF
        if self._writer.state is not WriterState.OPEN:
            return _WHEN_WRITING[self._writer.state]
        if self._stopping and not self._writer.waiting_bytes:
            return Ending.STOPPED
        if self._writer.stalled_s() > self._deadline_s():
            say(f"the host has read nothing for {self._deadline_s():g} s")
            return Ending.STALLED
        return None

    def _patience(self) -> float:
        """How long to wait for the pipe to take something, in the poller's unit."""
        patience_s = max(0.0, self._deadline_s() - self._writer.stalled_s()) + 0.001
        return patience_s if CAN_LEAD else patience_s * 1000

    def _deadline_s(self) -> float:
        deadline_s = self._write_deadline_s
        return min(deadline_s, LAST_WRITE_DEADLINE_S) if self._stopping else deadline_s

    def _wake_reader(self) -> None:
        if threading.get_ident() == self._thread:
            return  # it looks before it waits again
        try:
            os.write(self._wake_writing, b"\0")
        except BlockingIOError:
            pass  # it was woken many times already
