"""Own thread: serves items on the thread that reads the pipe, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

__all__ = ["OwnThread"]

T = TypeVar("T")


class OwnThread(Generic[T]):
    """For a worker that serves one call at a time, and may be forked for that one alone: another thread would cost it
    more than many a call takes. `serve` raises nothing.

    While an item is served nobody reads. Whoever then needs something of the host has a thread for that begun, see
    Channel.have_read, and this one goes on with `serve_to_end` instead of reading.
    """

    count = 1

    def __init__(self, serve: Callable[[T], None]) -> None:
        self._serve = serve
        self._items: SimpleQueue[T | None] = SimpleQueue()

    def __repr__(self) -> str:
        return f"<OwnThread waiting={self._items.qsize()}>"

    def submit(self, item: T) -> None:
        """Have an item served after those before it. Never waits."""
        self._items.put(item)

    def lend(self) -> None:
        """An item begins to wait for the host; there is no other thread that could begin the next."""

    def take_back(self) -> None:
        """It goes on."""

    def serve_waiting(self) -> None:
        """Serve what waits, and return."""
        while True:
            try:
                item = self._items.get_nowait()
            except Empty:
                return
            if item is not None:
                self._serve(item)

    def serve_to_end(self) -> None:
        """Serve what comes, until `end`."""
        while (item := self._items.get()) is not None:
            self._serve(item)

    def end(self) -> None:
        """Nothing will come any more; from any thread."""
        self._items.put(None)
