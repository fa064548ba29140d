"""Deadlines: ends every call whose time has come, by one timer for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dspash.bridge.call import Call
from dspash.bridge.mailbox import Mailbox
from dspash_protocol import Lookout

__all__ = ["Deadlines"]


class Deadlines:
    """All calls that have not ended. Thread-safe."""

    def __init__(self, mailbox: Mailbox, on_due: Callable[[Call], object]) -> None:
        self._mailbox = mailbox
        self._on_due = on_due
        self._lookout: Lookout[Call] = Lookout()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Deadlines calls={len(self)}>"

    def __len__(self) -> int:
        return len(self._lookout)

    @property
    def open_calls(self) -> list[Call]:
        """Every call that is watched, oldest first."""
        return self._lookout.watched()

    def add(self, call: Call) -> None:
        """Watch `call` until it ends or is due."""
        with self._lock:
            look_at = self._lookout.add(call.serial, call, call.deadline, time.monotonic())
        self._look_at(look_at)
        if call.has_ended:
            self.discard(call)  # it was faster, and nobody would take it out again

    def discard(self, call: Call) -> None:
        """The call has ended."""
        self._lookout.discard(call.serial)

    def drain(self) -> list[Call]:
        """Every call still open, oldest first; none is watched any more."""
        with self._lock:
            calls = self._lookout.watched()
            self._lookout.clear()
            return calls

    def _look(self) -> None:
        with self._lock:
            found = self._lookout.look(time.monotonic())
        self._look_at(found.next_at)
        for call in found.due:
            self._on_due(call)

    def _look_at(self, at: float | None) -> None:
        if at is not None:
            self._mailbox.cast_at(at, self._look)
