"""Pump: one thread that reads every worker's pipes and writes what could not be written at once."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from loguru import logger

from dspash.bridge.call import delivering

__all__ = ["READABLE", "WRITABLE", "Flushable", "Pump", "Ready"]

READABLE: Final = 0x001  # poll(2)'s and epoll(7)'s bits, which are the same
WRITABLE: Final = 0x004

Ready: TypeAlias = Callable[[int], None]


class Flushable(Protocol):
    """Something with bytes to write."""

    def flush_backlog(self) -> None: ...


class Pump:
    """Waits on all descriptors at once and tells their owners; everything it calls must return soon.

    Descriptors are watched, unwatched and closed on its own thread only: a number that the system gives to something
    new in the meantime can then not be mistaken for the old one.
    """

    def __init__(self, name: str) -> None:
        # macOS has no epoll; with poll, changes take effect at the pump's next turn, so it cannot be paused at once.
        self.can_pause = hasattr(select, "epoll")
        self._wake_read, self._wake_write = os.pipe()
        try:
            self._poller: Any = select.epoll() if self.can_pause else select.poll()
        except OSError:
            os.close(self._wake_read)
            os.close(self._wake_write)
            raise
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._on_ready: dict[int, Ready] = {}
        self._events: dict[int, int] = {}
        self._jobs: deque[Callable[[], None]] = deque()
        self._unflushed: deque[Flushable] = deque()
        self._awake = True
        self._open = True
        self._ended = False
        self._lock = threading.Lock()  # between giving a job and ending
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._watch(self._wake_read, self._on_wake, READABLE)
        try:
            self._thread.start()
        except RuntimeError:  # the system allows no more threads
            self._let_go()
            raise

    def __repr__(self) -> str:
        return f"<Pump {self._thread.name} watching={len(self._on_ready)}>"

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller runs on the pump, which must not wait for anything."""
        return threading.get_ident() == self._thread.ident

    def run(self, job: Callable[[], None]) -> None:
        """Do `job` on the pump's thread, after those given before; at once when that is this thread, or has ended."""
        if not self.is_current_thread:
            with self._lock:
                if not self._ended:
                    self._jobs.append(job)
                    self._wake()
                    return
        job()

    def will_flush(self, backlog: Flushable) -> bool:
        """Whether the pump is awake and so will flush `backlog` before it sleeps: a system call saved under load."""
        if not self._awake:
            return False
        self._unflushed.append(backlog)
        # Looked at again: between the first look and the note it may have gone to sleep without reading the note.
        return self._awake

    def watch(self, fd: int, on_ready: Ready, events: int = READABLE) -> None:
        """Call `on_ready(events)` whenever `fd` is. A second call changes the events. On the pump's thread."""
        if fd >= 0 and not self._ended:
            self._watch(fd, on_ready, events)

    def unwatch(self, fd: int) -> None:
        """Forget `fd`, before it is closed. On the pump's thread."""
        if self._on_ready.pop(fd, None) is not None:
            del self._events[fd]
            if not self._ended:
                self._poller.unregister(fd)

    def pause(self, fd: int) -> None:
        """Leave the reading of `fd` to the caller, until `resume`. Only where `can_pause`; from any thread."""
        self._mask(fd, ~READABLE)

    def resume(self, fd: int) -> None:
        """Read `fd` again."""
        self._mask(fd, ~0)

    def close(self, *, timeout_s: float = 5.0) -> bool:
        """End the thread after the jobs already given, and with it its descriptors; whether it has ended in time."""
        with self._lock:
            self._open = False
            if not self._ended:
                self._wake()
        if self.is_current_thread:
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _mask(self, fd: int, mask: int) -> None:
        events = self._events.get(fd)
        if events is not None:
            try:
                self._poller.modify(fd, events & mask)
            except (OSError, ValueError):
                return  # it was unwatched between the two steps, and there is nothing to pause

    def _watch(self, fd: int, on_ready: Ready, events: int) -> None:
        if fd not in self._on_ready:
            self._poller.register(fd, events)
        elif self._events[fd] != events:
            self._poller.modify(fd, events)
        self._on_ready[fd] = on_ready
        self._events[fd] = events

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is full of wake-ups already
            os.write(self._wake_write, b"\0")

    def _on_wake(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    def _run(self) -> None:
        with delivering():
            while not self._has_to_end():
                try:
                    self._turn()
                except Exception:  # noqa: BLE001 - the boundary of this thread: one worker's trouble must not stop the others
                    logger.exception("the pump met a defect")
        self._awake = False
        self._let_go()

    def _let_go(self) -> None:
        if self.can_pause:
            self._poller.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _has_to_end(self) -> bool:
        with self._lock:
            self._ended = not self._open and not self._jobs
            return self._ended

    def _turn(self) -> None:
        self._awake = False
        while self._unflushed:
            self._unflushed.popleft().flush_backlog()
        ready = self._poller.poll(0 if self._jobs else None)
        self._awake = True
        for fd, events in ready:
            on_ready = self._on_ready.get(fd)
            if on_ready is not None:
                on_ready(events)
        while self._jobs:
            self._jobs.popleft()()
