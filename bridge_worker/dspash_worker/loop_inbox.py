"""Loop inbox: the inbox that a coroutine waits on. Apart from the other, because asyncio is slow to import."""

from __future__ import annotations

import asyncio

from dspash_worker.inbox import Delivery

__all__ = ["LoopInbox"]


class LoopInbox:
    """An inbox for a coroutine, on whichever event loop it is made in."""

    __slots__ = ("_loop", "_queue")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()

    def put(self, delivery: Delivery, /) -> None:
        """See Inbox."""
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, delivery)
        except RuntimeError:
            pass  # the loop is closed, so nobody waits there

    def waiting(self) -> int:
        """See Inbox."""
        return self._queue.qsize()

    async def take(self, timeout_s: float | None) -> Delivery | None:
        """Wait for the next delivery; None when `timeout_s` passed without one."""
        try:
            return await asyncio.wait_for(self._queue.get(), timeout_s)
        except TimeoutError:
            return None
