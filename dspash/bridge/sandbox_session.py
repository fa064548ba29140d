"""SandboxSession: a sandboxed worker that several calls share, one after the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dspash.bridge.worker import Worker

__all__ = ["SandboxSession"]


class SandboxSession:
    """The worker that waits between two calls. Thread-safe.

    For calls that trust each other: what one leaves in the worker, the next finds. A worker that did not survive a call
    is replaced for the next one, which is told all definitions again.
    """

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._closed = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<SandboxSession {'closed' if self._closed else 'open'} worker={self._worker!r}>"

    @property
    def is_closed(self) -> bool:
        """Whether no worker is kept any more."""
        return self._closed

    def take(self) -> Worker | None:
        """The worker that waits, which is the caller's now; None when there is none."""
        with self._lock:
            worker, self._worker = self._worker, None
            return worker

    def keep(self, worker: Worker) -> bool:
        """Keep the worker for the next call; False once closed, and then it is to be ended."""
        with self._lock:
            if not self._closed:
                self._worker = worker
            return not self._closed

    def close(self) -> Worker | None:
        """Keep nothing any more; the worker to end, if one waits."""
        self._closed = True
        return self.take()
