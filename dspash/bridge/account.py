"""Account: what one call has used so far, as its host can count it."""

from __future__ import annotations

import threading
import time

from dspash.usage import Usage

__all__ = ["Account"]


class Account:
    """Counts the requests a call makes of its host, and the time it waits for models. Thread-safe.

    Several requests to models may be open at once; the time in which any is counts once.
    """

    __slots__ = (
        "_ended_at",
        "_lm_open",
        "_lm_wait_s",
        "_lm_waits_since",
        "_lock",
        "_sent_at",
        "lm_calls",
        "lm_tokens",
        "tool_calls",
    )

    def __init__(self) -> None:
        self.lm_calls = 0
        self.lm_tokens = 0
        self.tool_calls = 0
        self._sent_at: float | None = None
        self._ended_at: float | None = None
        self._lm_open = 0
        self._lm_waits_since = 0.0
        self._lm_wait_s = 0.0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Account lm_calls={self.lm_calls} lm_tokens={self.lm_tokens} tool_calls={self.tool_calls}>"

    def open(self) -> None:
        """The call is sent now."""
        self._sent_at = time.monotonic()

    def close(self) -> None:
        """The call has ended now, unless it had before."""
        with self._lock:
            if self._ended_at is None:
                self._ended_at = time.monotonic()

    @property
    def wall_s(self) -> float:
        """Seconds since it was sent, or from that to its end; 0 when it was not."""
        return 0.0 if self._sent_at is None else self._now() - self._sent_at

    @property
    def lm_wait_s(self) -> float:
        """How much of that it has waited for models."""
        with self._lock:
            open_s = self._now() - self._lm_waits_since if self._lm_open else 0.0
            return self._lm_wait_s + max(0.0, open_s)

    def lm_asked(self) -> None:
        """A request to a model begins."""
        with self._lock:
            self.lm_calls += 1
            if not self._lm_open:
                self._lm_waits_since = time.monotonic()
            self._lm_open += 1

    def lm_answered(self) -> None:
        """A request to a model has its answer."""
        with self._lock:
            self._lm_open -= 1
            if not self._lm_open and self._ended_at is None:
                self._lm_wait_s += time.monotonic() - self._lm_waits_since

    def count_tokens(self, tokens: int) -> None:
        """A model has read and written so many tokens."""
        with self._lock:
            self.lm_tokens += tokens

    def tool_asked(self) -> None:
        """A request to a tool begins."""
        with self._lock:
            self.tool_calls += 1

    def usage(self, *, cpu_s: float | None = None, peak_memory_bytes: int | None = None) -> Usage:
        """All of it, with what was measured of the worker."""
        return Usage(
            wall_s=self.wall_s,
            lm_wait_s=self.lm_wait_s,
            cpu_s=cpu_s,
            peak_memory_bytes=peak_memory_bytes,
            lm_calls=self.lm_calls,
            lm_tokens=self.lm_tokens,
            tool_calls=self.tool_calls,
        )

    def _now(self) -> float:
        return time.monotonic() if self._ended_at is None else self._ended_at
