"""Channel: moves frames between the pipes and the session, so that neither direction ever waits for the other."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, Protocol

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

__all__ = ["WRITE_DEADLINE_S", "Channel", "Ending", "Work"]

WAKE_BYTES: Final = 4096

WRITE_DEADLINE_S: Final = 60.0
"""How long the pipe may take nothing while bytes wait: time enough for a host stopped by hand or by a debugger."""

CAN_LEAD: Final = hasattr(select, "epoll")
"""With poll, what one thread waits for cannot be changed by another; there, one thread reads everything."""

_NOWHERE: Final = -1

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


class Work(Protocol):
    """What the thread that reads does between its looks at the pipe; see OwnThread."""

    def serve_waiting(self) -> None: ...
    def serve_to_end(self) -> None: ...
    def end(self) -> None: ...


class Channel:
    """The pipe to the host. One thread reads and drains, in `run`; any thread sends, and may read for a while in `lead`.

    Sending raises ConnectionError when the pipe is gone, else what Session.send raises. Without pipes, what is sent waits
    for `open`.
    """

    def __init__(
        self,
        pipes: Pipes | None,
        session: Session,
        *,
        write_deadline_s: float = WRITE_DEADLINE_S,
        expects_requests: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._write_deadline_s = write_deadline_s
        self._expects_requests = expects_requests
        self._now = now
        self._writer = Writer(None, on_backlog=self._see_to_backlog, now=now)
        self._host_gone = False
        self._stopping = False
        self._thread: int | None = None  # the one in `run`
        self._reader: Reader | None = None  # while it is there
        self._drains = False  # whether that thread waits for room in the pipe, too
        self._serving = threading.Lock()  # over the next two
        self._is_serving = False  # whether the thread in `run` is at work, and does not read
        self._relief: threading.Thread | None = None  # reads in its stead
        self._work: Work | None = None
        self._ending = Ending.STOPPED
        self.forked = False
        self._pipes = Pipes(_NOWHERE, _NOWHERE)
        self._poller: Any = None
        self._wake_reading, self._wake_writing = _NOWHERE, _NOWHERE
        if pipes is not None:
            self.open(pipes)

    def __repr__(self) -> str:
        return f"<Channel {self._find_ending() or 'open'} {self._session!r} {self._writer!r}>"

    @property
    def is_open(self) -> bool:
        """Whether there are pipes."""
        return self._pipes.reading != _NOWHERE

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were sent and not taken by the pipe yet."""
        return self._writer.waiting_bytes

    def open(self, pipes: Pipes) -> None:
        """Speak on these, and say what was sent before there were any. Raises OSError."""
        self._pipes = pipes
        self._poller = select.epoll() if CAN_LEAD else select.poll()
        self._wake_reading, self._wake_writing = os.pipe()
        for descriptor in (*pipes, self._wake_reading, self._wake_writing):
            os.set_blocking(descriptor, False)
        self._writer.open(pipes.writing)

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

    def run(self, receive: Callable[[Received], None], work: Work | None = None) -> Ending:
        """Read until the pipe ends or `stop` is called; every message goes to `receive`, in order.

        `work` is served by this thread whenever all that has come was read.
        """
        self._work = work
        self._begin_reading(receive)
        self._read_on(work)
        if work is not None and self._relief is not None:
            work.serve_to_end()
        return self._ending

    def have_read(self) -> None:
        """See that somebody reads while the thread in `run` is at work. Raises RuntimeError when no thread can be had."""
        if not self._is_serving:
            return
        with self._serving:
            if not self._is_serving or self._relief is not None:
                return
            relief = threading.Thread(target=self._relieve, name="dspash-reader", daemon=True)
            relief.start()
            self._relief = relief

    def _begin_reading(self, receive: Callable[[Received], None]) -> None:
        reading, writing = self._pipes
        self._poller.register(reading, select.POLLIN)
        self._poller.register(self._wake_reading, select.POLLIN)
        # Without interest in writing, the pipe still tells that nobody holds its other end: a host whose end was
        # inherited by some child of its own never closes it.
        self._poller.register(writing, 0)
        self._reader = Reader(
            reading, self._session, receive, expects_requests=self._expects_requests, now=self._now
        )

    def _read_on(self, work: Work | None) -> None:
        """Read until the end; or, with work, until another thread does."""
        self._thread = threading.get_ident()
        while (ending := self._find_ending()) is None:
            self._take_in()
            if work is not None and not self._serve(work):
                return
        self._writer.close()
        self._ending = ending

    def _relieve(self) -> None:
        self._read_on(None)
        if self._work is not None:
            self._work.end()

    def _serve(self, work: Work) -> bool:
        """Do what is to be done; whether this is still the thread that reads."""
        with self._serving:
            self._is_serving, self._thread = True, None
        work.serve_waiting()
        with self._serving:
            self._is_serving = False
            if self._relief is None:
                self._thread = threading.get_ident()
            return self._relief is None

    def _take_in(self) -> None:
        """Wait for what the pipe has to say or takes, and see to that."""
        if bool(self._writer.waiting_bytes) is not self._drains:
            self._drains = not self._drains
            self._poller.modify(self._pipes.writing, select.POLLOUT if self._drains else 0)
        reader = self._reader
        for descriptor, signs in self._poller.poll(self._patience() if self._drains else None):
            if descriptor == self._wake_reading:
                os.read(self._wake_reading, WAKE_BYTES)
            elif signs & select.POLLOUT:
                self._writer.drain()
            elif reader is None:
                continue
            elif descriptor == self._pipes.reading:
                reader.read()
            elif not reader.is_readable():
                self._host_gone = True

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

    def _see_to_backlog(self) -> None:
        """Have what waits be drained: by the one that reads, and that somebody does."""
        if self._wake_writing == _NOWHERE:
            return  # it waits for the pipe
        self._wake_reader()
        with contextlib.suppress(RuntimeError):  # then by the thread that is at work, after that
            self.have_read()

    def _wake_reader(self) -> None:
        if threading.get_ident() == self._thread:
            return  # it looks before it waits again
        try:
            os.write(self._wake_writing, b"\0")
        except BlockingIOError:
            pass  # it was woken many times already
