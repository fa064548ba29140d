"""Channel: moves frames between the pipes and the session, so that neither direction ever waits for the other."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from dspash_protocol import (
    BrokenFramingError,
    Event,
    EventKind,
    LocalProtocolError,
    Message,
    Outbox,
    Received,
    Reply,
    Session,
    State,
)
from dspash_worker.events import EventQueue
from dspash_worker.log import say
from dspash_worker.stdio import Pipes

__all__ = ["Channel", "Ending"]

READ_BYTES: Final = 256 * 1024

HIGH_WATER: Final = 8 * 1024 * 1024
"""Bytes waiting for the pipe above which call threads wait before they go on."""

MAX_WAITING_BYTES: Final = 1024 * 1024 * 1024
"""More than all call threads can leave waiting: the host asks on and on and never reads."""

WRITE_DEADLINE_S: Final = 60.0
"""How long the pipe may take nothing while bytes wait: time enough for a host stopped by hand or by a debugger."""

LAST_WRITE_DEADLINE_S: Final = 2.0
"""The same once the worker has said all it has to say, and would otherwise be gone."""


class Ending(StrEnum):
    """Why a channel's loop ended."""

    EOF = "eof"  # the host closed the pipe between frames, or is gone
    BROKEN = "broken"  # the bytes from the host are no sequence of frames, or ended inside one
    STALLED = "stalled"  # the host does not read
    STOPPED = "stopped"  # the worker asked for it


class Channel:
    """The pipe to the host. One thread reads, in `run`; any thread sends.

    A frame is written at once by the thread that sends it, as far as the pipe takes it. The rest waits in an outbox
    that the reading thread empties whenever the pipe is ready. Frames keep the order in which they were sent; events
    that wait are taken in turns, call by call, and come before their call's reply.
    """

    def __init__(
        self,
        pipes: Pipes,
        session: Session,
        *,
        write_deadline_s: float = WRITE_DEADLINE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipes = pipes
        self._session = session
        self._write_deadline_s = write_deadline_s
        self._now = now
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._outbox = Outbox()
        self._events: deque[EventQueue] = deque()  # those with something waiting, in the order of their turns
        self._moved_at = 0.0  # when the pipe last took something, or the outbox began to wait
        self._ending: Ending | None = None
        self._last_words = False
        self._reader: int | None = None
        self.forked = False
        for descriptor in pipes:
            os.set_blocking(descriptor, False)
        self._wake_reading, self._wake_writing = os.pipe()
        os.set_blocking(self._wake_reading, False)
        os.set_blocking(self._wake_writing, False)

    def __repr__(self) -> str:
        return f"<Channel {self._ending or 'open'} {self._outbox!r} event_queues={len(self._events)}>"

    @property
    def waiting_bytes(self) -> int:
        """Bytes in the outbox."""
        return self._outbox.waiting_bytes

    # --- sending, from any thread ---

    def send(self, message: Message) -> None:
        """Send one message. Raises ConnectionError when the pipe is gone, else what Session.send raises."""
        frame = self._encode(message)
        with self._lock:
            self._put(frame)

    def send_unless_waiting(self, message: Message) -> bool:
        """Send something that is worth nothing late, if nothing waits; whether it was sent."""
        if self._outbox:
            return False
        self.send(message)
        return True

    def reply(self, reply: Reply, after: EventQueue | None) -> None:
        """Send a request's answer behind all of its events, and take no more of those. Raises as `send` does."""
        frame = self._encode(reply)
        with self._lock:
            if after is not None:
                after.close()
                while after:
                    self._outbox.put(after.take())
                self._room.notify_all()
            self._put(frame)

    def throttle(self) -> None:
        """Wait while more than HIGH_WATER bytes wait for the pipe. For threads that would go on to produce more."""
        if self._outbox.waiting_bytes > HIGH_WATER:
            with self._lock:
                while self._outbox.waiting_bytes > HIGH_WATER and self._ending is None:
                    self._room.wait()

    def emit(self, event: Event, kind: EventKind, queue: EventQueue, check: Callable[[], None]) -> None:
        """Send one event of a call, or let it wait in the call's `queue`; an item waits here for room in there.

        `check` raises when the call is to end, which ends the waiting; `wake` makes it look. Raises as `send` does.
        """
        frame = self._encode(event)
        with self._lock:
            if kind is EventKind.ITEM:
                while not queue.closed and not queue.has_room() and self._ending is None:
                    check()
                    self._room.wait()
            if queue.closed:
                return
            if not queue and not self._outbox:
                self._put(frame)
                return
            self._refuse_if_ended()
            if not queue:
                self._events.append(queue)
            queue.put(kind, frame)

    def _encode(self, message: Message) -> bytes:
        try:
            return self._session.send(message)
        except LocalProtocolError:
            if self._session.state is State.CLOSED:
                raise self._gone() from None
            raise

    def wake(self) -> None:
        """Let every thread that waits for room look at what it waits for again."""
        with self._lock:
            self._room.notify_all()

    def stop(self) -> None:
        """Let `run` return once all that was sent so far is on its way."""
        with self._lock:
            self._last_words = True
            self._moved_at = self._now()
            self._wake_reader()

    def disown(self) -> None:
        """Forget the pipe, in a child that user code forked: what it says is not the worker's to say."""
        self.forked = True
        self._ending = Ending.STOPPED
        self._lock = threading.Lock()  # another thread, which the child lacks, may have held the old one
        self._room = threading.Condition(self._lock)
        for descriptor in (*self._pipes, self._wake_reading, self._wake_writing):
            os.close(descriptor)

    # --- reading, in one thread ---

    def run(self, receive: Callable[[Received], None]) -> Ending:
        """Read until the pipe ends or `stop` is called; every message goes to `receive`, in order, in this thread."""
        self._reader = threading.get_ident()
        reading, writing = self._pipes
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        poll.register(self._wake_reading, select.POLLIN)
        # Without interest in writing, the pipe still tells that nobody holds its other end: a host whose end was
        # inherited by some child of its own never closes it.
        poll.register(writing, 0)
        awaits_pipe = False
        while self._ending is None:
            if bool(self._outbox) is not awaits_pipe:
                awaits_pipe = not awaits_pipe
                poll.modify(writing, select.POLLOUT if awaits_pipe else 0)
            ready = poll.poll(self._remaining_ms())
            for descriptor, signs in ready:
                if descriptor == reading:
                    self._read(receive)
                elif descriptor == writing:
                    self._write(signs)
                else:
                    os.read(self._wake_reading, READ_BYTES)
            self._end_if_due()
        with self._lock:
            self._room.notify_all()
        return self._ending

    def _read(self, receive: Callable[[Received], None]) -> None:
        try:
            data = os.read(self._pipes.reading, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # reset by a host that died
        try:
            if not data:
                self._session.receive_eof()
                self._end(Ending.EOF)
                return
            for received in self._session.receive(data):
                receive(received)
        except BrokenFramingError as error:
            say(f"the stream from the host is broken: {error}")
            self._end(Ending.BROKEN)

    def _write(self, signs: int) -> None:
        if signs & select.POLLOUT:
            with self._lock:
                self._drain()
        elif signs & (select.POLLERR | select.POLLHUP) and not self._is_readable():
            self._end(Ending.EOF)

    def _is_readable(self) -> bool:
        """Whether the pipe from the host has something to say yet: bytes, or its own end."""
        poll = select.poll()
        poll.register(self._pipes.reading, select.POLLIN)
        return bool(poll.poll(0))

    def _remaining_ms(self) -> float | None:
        if self._last_words and not self._outbox:
            return 0
        if not self._outbox:
            return None
        return max(0.0, self._moved_at + self._deadline_s() - self._now()) * 1000

    def _deadline_s(self) -> float:
        return (
            min(self._write_deadline_s, LAST_WRITE_DEADLINE_S) if self._last_words else self._write_deadline_s
        )

    def _end_if_due(self) -> None:
        if not self._outbox:
            if self._last_words:
                self._end(Ending.STOPPED)
        elif self._now() - self._moved_at > self._deadline_s():
            say(f"the host has read nothing for {self._deadline_s():g} s")
            self._end(Ending.STALLED)

    # --- under the lock ---

    def _put(self, frame: bytes) -> None:
        self._refuse_if_ended()
        if self._outbox:
            self._outbox.put(frame)
            if self._outbox.waiting_bytes > MAX_WAITING_BYTES:
                self._ending = Ending.STALLED
                self._wake_reader()
            return
        written = self._try_write(frame)
        if written < len(frame):
            self._outbox.put(frame, written=written)
            self._moved_at = self._now()
            self._wake_reader()

    def _try_write(self, frame: bytes | memoryview) -> int:
        try:
            return os.write(self._pipes.writing, frame)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._ending = Ending.EOF
            self._outbox.clear()
            self._wake_reader()
            raise self._gone() from error

    def _drain(self) -> None:
        try:
            while self._outbox:
                written = self._try_write(self._outbox.front())
                if not written:
                    return
                self._moved_at = self._now()
                self._outbox.took(written)
                while self._events and not self._outbox:
                    self._take_turn()
        except ConnectionError:
            return  # the loop sees the ending
        finally:
            self._room.notify_all()

    def _take_turn(self) -> None:
        """Move one event of the queue whose turn it is to the outbox."""
        queue = self._events.popleft()
        if queue:
            self._outbox.put(queue.take())
        if queue:
            self._events.append(queue)

    def _refuse_if_ended(self) -> None:
        if self._ending is not None:
            raise self._gone()

    def _gone(self) -> ConnectionError:
        return ConnectionError(f"the pipe to the host is gone ({self._ending})")

    def _end(self, ending: Ending) -> None:
        with self._lock:
            self._ending = self._ending or ending

    def _wake_reader(self) -> None:
        if threading.get_ident() == self._reader:
            return  # it looks before it waits again
        try:
            os.write(self._wake_writing, b"\0")
        except BlockingIOError:
            pass  # it was woken many times already
