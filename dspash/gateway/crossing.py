"""Crossing: a stream that is made on the gateway's loop, read from a thread or from another loop."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from typing import Final, TypeVar

from dspash.gateway.loop import LoopThread

__all__ = ["read_async", "read_sync"]

_T = TypeVar("_T")


class _End:
    """Stands behind the last item."""


_END: Final = _End()


def read_sync(thread: LoopThread, items: AsyncGenerator[_T]) -> Generator[_T]:
    """The items, in the calling thread. Closing it closes the stream where it is made; errors are those of the stream."""
    arrived: queue.SimpleQueue[_T | _End] = queue.SimpleQueue()
    work = thread.submit(_pump(items, arrived.put))
    # Also when the loop ends before the stream does: whoever reads is never left waiting.
    work.add_done_callback(lambda _: arrived.put(_END))
    try:
        while not isinstance(item := arrived.get(), _End):
            yield item
        work.result()
    finally:
        work.cancel()


async def read_async(thread: LoopThread, items: AsyncGenerator[_T]) -> AsyncGenerator[_T]:
    """The same on the running loop, whichever it is."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[_T | _End] = asyncio.Queue()

    def tell(item: _T | _End) -> None:
        loop.call_soon_threadsafe(arrived.put_nowait, item)

    work = thread.submit(_pump(items, tell))
    work.add_done_callback(lambda _: None if loop.is_closed() else tell(_END))
    try:
        while not isinstance(item := await arrived.get(), _End):
            yield item
        work.result()
    finally:
        work.cancel()


async def _pump(items: AsyncGenerator[_T], tell: Callable[[_T], None]) -> None:
    async with aclosing(items):
        async for item in items:
            tell(item)
