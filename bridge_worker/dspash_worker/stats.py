"""Stats: what the worker tells about itself, beside what the domain tells about its programs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from dspash_protocol import Command
from dspash_worker.call import Call
from dspash_worker.calls import Calls
from dspash_worker.channel import Channel
from dspash_worker.domain import Domain
from dspash_worker.reverse import ReverseRequests

__all__ = ["Stats"]


class Stats:
    """The counters of one worker process."""

    def __init__(self, channel: Channel, calls: Calls, asks: ReverseRequests) -> None:
        self._channel = channel
        self._calls = calls
        self._asks = asks
        self._began_at = time.monotonic()

    def begin(self) -> None:
        """Count from now."""
        self._began_at = time.monotonic()

    def read(self) -> dict[str, Any]:
        """Return all counters, as wire values. Bytes and seconds; counts since the start."""
        from dspash_worker.process_usage import measure_process  # psutil is slow to import

        return {
            "pid": os.getpid(),
            "uptime_s": time.monotonic() - self._began_at,
            **asdict(measure_process()),
            "threads": threading.active_count(),
            "concurrency": self._calls.concurrency,
            "open": len(self._calls),
            "waiting": self._calls.waiting,
            "oldest_s": self._calls.oldest_s(),
            "outcomes": dict(self._calls.outcomes),
            "asking": len(self._asks),
            "late_replies": self._asks.late,
            "unknown_replies": self._asks.unknown,
            "waiting_bytes": self._channel.waiting_bytes,
        }

    def added_to(self, domain: Domain) -> Domain:
        """Return `domain` with a `stats` command that tells the worker's counters too, under `worker`."""
        own = domain.handlers.get(Command.STATS)

        def serve(workbench: Any, call: Call) -> dict[str, Any]:
            told: Mapping[str, Any] = own(workbench, call) if own is not None else {}
            return {**told, "worker": self.read()}

        handlers: dict[Command, Callable[[Any, Call], Any]] = {**domain.handlers, Command.STATS: serve}
        return replace(domain, handlers=handlers)
