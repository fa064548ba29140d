"""Pending calls: what one worker has been sent and has not answered."""

from __future__ import annotations

import itertools
import threading

from dspash.bridge.call import Call

__all__ = ["PendingCalls"]


class PendingCalls:
    """Calls by request id, until their reply. Ids count up from 1 and are never used again. Thread-safe."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._open = True
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<PendingCalls {'open' if self._open else 'closed'} calls={len(self._calls)}>"

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, call: Call) -> bool:
        return call.request_id is not None and self._calls.get(call.request_id) is call

    def next_id(self) -> int:
        """An id for a request that is no call."""
        return next(self._ids)

    def add(self, call: Call) -> int | None:
        """Give `call` an id and wait for its reply; None once closed."""
        call.request_id = request_id = next(self._ids)
        with self._lock:
            if not self._open:
                return None
            self._calls[request_id] = call
            return request_id

    def get(self, request_id: int) -> Call | None:
        """The call of that id, if it is pending."""
        return self._calls.get(request_id)

    def remove(self, request_id: int | None) -> Call | None:
        """The call of that id, which is pending no more; None when it was not."""
        with self._lock:
            return None if request_id is None else self._calls.pop(request_id, None)

    def snapshot(self) -> tuple[Call, ...]:
        """Those pending now, oldest first; some may have ended for their callers already."""
        with self._lock:
            return tuple(self._calls.values())

    def close(self, *, even_if_busy: bool) -> bool:
        """Take no more calls; but if anybody waits for one that is here, only `even_if_busy`. Whether it is closed."""
        with self._lock:
            if even_if_busy or all(call.has_ended for call in self._calls.values()):
                self._open = False
            return not self._open

    def take_all(self) -> tuple[Call, ...]:
        """Those pending now, oldest first, which are pending no more: there will be no replies."""
        with self._lock:
            calls = tuple(self._calls.values())
            self._calls.clear()
            return calls
