"""CallGroup: the calls that one larger piece of work is made of, cancelled together."""

from __future__ import annotations

import threading

from dspash.bridge import Call

__all__ = ["CallGroup"]


class CallGroup:
    """Calls that stand or fall together. Thread-safe. `run` is the id of the run that they are, where that is kept."""

    def __init__(self) -> None:
        self.run: str | None = None
        self._calls: list[Call] = []
        self._cancelled_for: str | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<CallGroup calls={len(self._calls)}>"

    def add(self, call: Call) -> Call:
        """Take in one more call; it is cancelled at once when the group was."""
        with self._lock:
            reason = self._cancelled_for
            if reason is None:
                self._calls.append(call)
        if reason is not None:
            call.cancel(reason)
        return call

    def cancel(self, reason: str) -> None:
        """Cancel every call that has not ended, and all that are still added."""
        with self._lock:
            self._cancelled_for = reason
            calls, self._calls = self._calls, []
        for call in calls:
            call.cancel(reason)
