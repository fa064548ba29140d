"""Pump: one thread that reads every worker's pipes and writes what could not be written at once."""

from __future__ import annotations

import os
import selectors
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeAlias

from loguru import logger

__all__ = ["Pump", "Watched"]

Ready: TypeAlias = Callable[[int], None]


class Watched(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int: ...


class Pump:
    """Waits on all descriptors at once and tells their owners; everything it calls must return soon."""

    def __init__(self, name: str) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._on_wake)
        self._jobs: deque[Callable[[], None]] = deque()
        self._open = True
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<Pump {self._thread.name} watching={len(self._selector.get_map() or ())}>"

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller runs on the pump, which must not wait for anything."""
        return threading.get_ident() == self._thread.ident

    def run(self, job: Callable[[], None]) -> None:
        """Do `job` on the pump's thread, now when that is this thread."""
        if self.is_current_thread:
            job()
            return
        self._jobs.append(job)
        self._wake()

    def watch(self, source: Watched | int, on_ready: Ready, events: int = selectors.EVENT_READ) -> None:
        """Call `on_ready(events)` whenever `source` is; any thread may ask. A second call changes the events."""
        self.run(lambda: self._watch(source, on_ready, events))

    def unwatch(self, source: Watched | int) -> None:
        """Forget `source`, on the pump's thread; before it is closed."""
        try:
            self._selector.unregister(source)
        except (KeyError, ValueError):
            return  # never watched, or closed already

    def close(self, *, timeout_s: float = 5.0) -> None:
        """End the thread after the jobs already given."""
        self._open = False
        self._wake()
        if not self.is_current_thread:
            self._thread.join(timeout_s)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _watch(self, source: Watched | int, on_ready: Ready, events: int) -> None:
        try:
            known = self._selector.get_map().get(source)
            if known is None:
                self._selector.register(source, events, on_ready)
            elif known.events != events:
                self._selector.modify(source, events, on_ready)
        except (ValueError, OSError):
            return  # closed between the asking and the doing: its owner knows

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            return  # it is full of wake-ups already

    def _on_wake(self, _events: int) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            return

    def _run(self) -> None:
        while self._open or self._jobs:
            for key, events in self._selector.select() if not self._jobs else ():
                self._guard(lambda key=key, events=events: key.data(events))
            while self._jobs:
                self._guard(self._jobs.popleft())

    def _guard(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # the boundary of this thread: one worker's trouble must not stop the others
            logger.exception("the pump met a defect")
