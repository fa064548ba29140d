"""Admission: how many sandboxed calls run at a time, and which is next."""

from __future__ import annotations

import threading
from collections import deque

from dspash.bridge.call import Call, Standing
from dspash.bridge.sandbox_session import SandboxSession
from dspash.errors import OverloadedError, ReentrancyError

__all__ = ["Admission"]


class Admission:
    """`places` calls run at a time; up to `max_queue` wait for one, first come first served. Thread-safe.

    Calls of one session run one after the other. A nested call takes no place: it is made on behalf of one that has
    one, and both could wait for ever.
    """

    def __init__(self, *, places: int, max_queue: int) -> None:
        self._free = places
        self._max_queue = max_queue
        self._busy: set[SandboxSession] = set()
        self._waiting: deque[Call] = deque()
        self._lock = threading.Lock()  # taken by itself, as in Channel
        self._changed = threading.Condition(self._lock)
        self._closed = False

    def __repr__(self) -> str:
        return f"<Admission free={self._free} waiting={len(self._waiting)}>"

    @property
    def queued(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def admit(self, call: Call) -> bool:
        """Whether `call` may run now; otherwise it was queued.

        Raises OverloadedError when there is no room for it, ReentrancyError for a nested one whose session is busy: it
        may be that very call which waits.
        """
        with self._lock:
            if self._may_run(call):
                self._enter(call)
                return True
            if call.standing is Standing.NESTED:
                raise ReentrancyError(
                    call="a call of a session, made by a tool of one that runs in it,",
                    instead="call a program without a session there",
                )
            if len(self._waiting) >= self._max_queue:
                raise OverloadedError(queued=len(self._waiting), limit=self._max_queue)
            self._waiting.append(call)
            return False

    def leave(self, call: Call) -> Call | None:
        """`call`, which was admitted, has left. The call that may run now instead, if any waited."""
        with self._lock:
            self._busy.discard(_session_of(call))
            if call.standing is not Standing.NESTED:
                self._free += 1
            following = next((waiting for waiting in self._waiting if self._may_run(waiting)), None)
            if following is not None:
                self._waiting.remove(following)
                self._enter(following)
            self._changed.notify()
            return following

    def forget(self, call: Call) -> bool:
        """Take a call out of the queue; whether it was there."""
        with self._lock:
            try:
                self._waiting.remove(call)
            except ValueError:
                return False
            self._changed.notify()
            return True

    def wait_for_room(self, call: Call) -> bool:
        """Stay until `admit` may take the call, or its deadline has come; whether it may."""
        with self._lock:
            while not self._closed and not self._may_run(call) and len(self._waiting) >= self._max_queue:
                left_s = call.remaining_s()
                if left_s <= 0:
                    return False
                self._changed.wait(min(left_s, threading.TIMEOUT_MAX))
            return True

    def close(self) -> None:
        """Empty the queue for good; those who wait for room go on."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    # --- under the lock ---

    def _may_run(self, call: Call) -> bool:
        return _session_of(call) not in self._busy and (self._free > 0 or call.standing is Standing.NESTED)

    def _enter(self, call: Call) -> None:
        if (session := _session_of(call)) is not None:
            self._busy.add(session)
        if call.standing is not Standing.NESTED:
            self._free -= 1


def _session_of(call: Call) -> SandboxSession | None:
    order = call.options.sandbox
    return None if order is None else order.session
