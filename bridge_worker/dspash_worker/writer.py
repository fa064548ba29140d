"""Writer: the way of frames out of the worker, which no thread waits on for longer than it wants to."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from dspash_protocol import EventKind, Outbox
from dspash_worker.events import EventQueue

__all__ = ["HIGH_WATER", "Writer", "WriterState"]

HIGH_WATER: Final = 8 * 1024 * 1024
"""Bytes waiting for the pipe above which threads that produce more are held back."""

MOST_WAITING: Final = 1024 * 1024 * 1024
"""More than such threads can leave waiting: the host asks on and on and never reads."""

_KEPT: Final = frozenset({EventKind.ITEM, EventKind.FILE, EventKind.TRACE})
"""Events of which none is dropped."""


class WriterState(StrEnum):
    """Whether frames can be put."""

    OPEN = "open"
    BROKEN = "broken"  # nobody reads the pipe any more
    OVERFULL = "overfull"  # somebody does not, while asking for ever more
    CLOSED = "closed"


class Writer:
    """Writes frames to a pipe that does not block, from any thread, in the order in which they are put.

    Each is written at once by the thread that puts it, as far as the pipe takes it. The rest waits in an outbox, to be
    drained by whoever `on_backlog` tells that there is one. Events that find something waiting wait outside of it, call
    by call, and are taken in turns: so one call's events neither delay other calls nor fill the memory.
    """

    def __init__(
        self,
        descriptor: int | None,
        *,
        on_backlog: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without a descriptor everything waits until there is one."""
        self.state = WriterState.OPEN
        self._descriptor = descriptor
        self._on_backlog = on_backlog
        self._now = now
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._outbox = Outbox()
        # Queues with something in them; none while the outbox is empty.
        self._turns: deque[EventQueue] = deque()
        self._moved_at = 0.0  # when the pipe last took something, or bytes began to wait for it

    def __repr__(self) -> str:
        return f"<Writer {self.state} {self._outbox!r} turns={len(self._turns)}>"

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were put and not written."""
        return self._outbox.waiting_bytes

    def open(self, descriptor: int) -> None:
        """Write to this pipe from now on, and first what has waited for it: in one write. Raises ConnectionError."""
        with self._lock:
            self._descriptor = descriptor
            waiting = self._outbox.take_all()
            if waiting:
                self._put(waiting)

    # --- putting, from any thread; all raise ConnectionError once the writer is not open ---

    def put(self, frame: bytes) -> None:
        """Write one frame, or let it wait. Never waits itself."""
        with self._lock:
            self._put(frame)

    def put_last(self, frame: bytes, events: EventQueue) -> None:
        """Put a call's answer, behind all of its events; more of those are dropped."""
        with self._lock:
            events.close()
            if events:
                if not self._outbox:  # they were held for this moment: one write wakes the host once
                    frame = b"".join([*events.take_all(), frame])
                while events:
                    self._outbox.put(events.take())
                self._room.notify_all()  # whoever waits for room among them
            self._put(frame)

    def put_event(self, kind: EventKind, frame: bytes, events: EventQueue, check: Callable[[], None]) -> None:
        """Put one event of a call. One that is kept waits here while too many of the call's events wait.

        `check` raises when the call is to end, which ends the waiting; `wake` makes it look.
        """
        with self._lock:
            if kind in _KEPT:
                while not events.closed and not events.has_room() and self.state is WriterState.OPEN:
                    check()
                    self._room.wait()
            if events.closed:
                return
            if not events and not self._outbox:
                self._put(frame)
                return
            self._refuse_unless_open()
            if not events:
                self._turns.append(events)
            events.put(kind, frame)

    def hold_event(self, kind: EventKind, frame: bytes, events: EventQueue) -> None:
        """Put the last event of a call: it goes out with the call's answer, which follows at once."""
        with self._lock:
            if not events.closed:
                self._refuse_unless_open()
                events.put(kind, frame)

    def throttle(self) -> None:
        """Wait while more than HIGH_WATER bytes wait. For threads that would go on to produce more."""
        if self._outbox.waiting_bytes > HIGH_WATER:
            with self._lock:
                while self._outbox.waiting_bytes > HIGH_WATER and self.state is WriterState.OPEN:
                    self._room.wait()

    def wake(self) -> None:
        """Let every thread that waits here look again at what it waits for."""
        with self._lock:
            self._room.notify_all()

    # --- draining, by one thread ---

    def drain(self) -> None:
        """Write what waits, as far as the pipe takes it. Never waits."""
        with self._lock:
            try:
                while self._outbox:
                    written = self._try_write(self._outbox.front())
                    if not written:
                        return
                    self._moved_at = self._now()
                    self._outbox.took(written)
                    while self._turns and not self._outbox:
                        self._take_turn()
            except ConnectionError:
                return  # the state says it
            finally:
                self._room.notify_all()

    def stalled_s(self) -> float:
        """How long the pipe has taken nothing while bytes wait for it, in seconds; 0 when none do."""
        return self._now() - self._moved_at if self._outbox else 0.0

    def restart_patience(self) -> None:
        """Count `stalled_s` from now."""
        self._moved_at = self._now()

    def close(self) -> None:
        """Take no more frames and drop those that wait; whoever waits here goes on."""
        with self._lock:
            if self.state is WriterState.OPEN:
                self.state = WriterState.CLOSED
            self._outbox.clear()
            self._room.notify_all()

    def disown(self) -> None:
        """Be closed in a forked child, where another thread, which the child lacks, may have held the lock."""
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self.close()

    # --- under the lock ---

    def _put(self, frame: bytes) -> None:
        self._refuse_unless_open()
        if self._outbox:
            self._outbox.put(frame)
            if self._outbox.waiting_bytes > MOST_WAITING:
                self._give_up(WriterState.OVERFULL)
            return
        written = self._try_write(frame)
        if written < len(frame):
            self._outbox.put(frame, written=written)
            self._moved_at = self._now()
            self._on_backlog()

    def _try_write(self, frame: bytes | memoryview) -> int:
        if self._descriptor is None:
            return 0
        try:
            return os.write(self._descriptor, frame)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._give_up(WriterState.BROKEN)
            raise ConnectionError(str(error)) from error

    def _take_turn(self) -> None:
        """Move one event of the queue whose turn it is to the outbox."""
        events = self._turns.popleft()
        if events:
            self._outbox.put(events.take())
        if events:
            self._turns.append(events)

    def _give_up(self, state: WriterState) -> None:
        self.state = state
        self._outbox.clear()
        self._room.notify_all()
        self._on_backlog()

    def _refuse_unless_open(self) -> None:
        if self.state is not WriterState.OPEN:
            raise ConnectionError(f"the pipe to the host is {self.state}")
