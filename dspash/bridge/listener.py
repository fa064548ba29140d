"""Listener: whom a worker tells what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dspash.bridge.ask import Ask
    from dspash.bridge.overrun import Overrun
    from dspash.bridge.worker import Worker

__all__ = ["Listener"]


class Listener(Protocol):
    """Whom a worker tells what happens; on the thread that reads, so every answer must be quick."""

    def worker_ready(self, worker: Worker) -> None: ...
    def worker_told(self, worker: Worker) -> None: ...
    def worker_replied(self, worker: Worker) -> None: ...
    def worker_asked(self, worker: Worker, ask: Ask) -> None: ...
    def worker_overran(self, worker: Worker, overrun: Overrun) -> None: ...
    def worker_lost(self, worker: Worker) -> None: ...
