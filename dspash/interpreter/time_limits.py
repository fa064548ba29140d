"""TimeLimits: how long one execution may still take."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["TimeIsUp", "TimeLimits"]


@dataclass(frozen=True, slots=True)
class TimeIsUp:
    """Which limit was passed, and how long that is in seconds."""

    limit: str
    allowed_s: float


class TimeLimits:
    """`wall_s` is for the code alone and stands still while a tool of the host runs; `total_s` counts all. Seconds.

    `timeout_s` is the caller's own limit for all of it.
    """

    def __init__(
        self,
        *,
        wall_s: float,
        total_s: float,
        timeout_s: float | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._wall_s = wall_s
        began = now()
        self._wall_end = began + wall_s
        limits = [(began + total_s, TimeIsUp("total", total_s))]
        if timeout_s is not None:
            limits.append((began + timeout_s, TimeIsUp("timeout", timeout_s)))
        self._end, self._last = min(limits, key=lambda limit: limit[0])
        self._lock = threading.Lock()
        self._tools = 0
        self._stopped_at = 0.0

    def until(self) -> float:
        """When time is up as things stand, on the monotonic clock. Look again once a tool has begun or ended."""
        with self._lock:
            return self._end if self._tools else min(self._end, self._wall_end)

    def passed(self) -> TimeIsUp | None:
        """The limit that was passed, if one was."""
        now = self._now()
        with self._lock:
            if now >= self._end:
                return self._last
            if not self._tools and now >= self._wall_end:
                return TimeIsUp("wall", self._wall_s)
        return None

    @contextmanager
    def tool_running(self) -> Generator[None]:
        """Time the block for `total_s` only."""
        with self._lock:
            if self._tools == 0:
                self._stopped_at = self._now()
            self._tools += 1
        try:
            yield
        finally:
            with self._lock:
                self._tools -= 1
                if self._tools == 0 and self._wall_end < math.inf:
                    self._wall_end += self._now() - self._stopped_at
