"""LoopThread: the gateway's own event loop, where hundreds of calls wait at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from loguru import logger

from dspash.gateway.refusals import GatewayClosedError

__all__ = ["LoopThread"]

GRACE_S: Final = 5.0
"""For what runs to end once it is cancelled: a connection is dropped, no answer is waited for."""
_T = TypeVar("_T")


async def _nothing() -> None:
    """Nothing is left to be ended."""


@dataclass(frozen=True, slots=True)
class _Running:
    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event


class LoopThread:
    """One event loop in a thread of its own, started when it is first needed; whoever made it closes it.

    `finish` runs on the loop when everything else has ended: what belongs to the loop is closed there.
    """

    def __init__(
        self, name: str = "dspash-gateway", *, finish: Callable[[], Awaitable[None]] = _nothing
    ) -> None:
        self._name = name
        self._finish = finish
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "idle" if self._running is None else "running"
        return f"<LoopThread {self._name} {state}>"

    @property
    def is_here(self) -> bool:
        """Whether the caller runs on this loop's thread."""
        return self._running is not None and threading.current_thread() is self._running.thread

    def submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Run `work` on the loop. Cancelling the future cancels it there. Raises GatewayClosedError."""
        # Under the lock, so that what is submitted is on the loop before the wish to stop is.
        with self._lock:
            if self._is_closed:
                work.close()
                raise GatewayClosedError("the gateway is closed")
            if self._running is None:
                self._running = self._start()
            return asyncio.run_coroutine_threadsafe(work, self._running.loop)

    def poke(self, call: Callable[[], object]) -> None:
        """Have `call` run on the loop soon, if there is one that runs."""
        with self._lock:
            if self._running is not None and not self._is_closed:
                self._running.loop.call_soon_threadsafe(call)

    def close(self) -> None:
        """Cancel what runs, finish, and end the thread. Idempotent; waits for some seconds at most."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            running = self._running
            if running is not None and not was_closed:
                running.loop.call_soon_threadsafe(running.stop.set)
        if running is not None and not self.is_here:
            running.thread.join(3 * GRACE_S)
            if running.thread.is_alive():
                logger.warning("the gateway's loop has not ended within {:g} s", 3 * GRACE_S)

    def _start(self) -> _Running:
        begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        thread = threading.Thread(target=self._serve, args=(begun,), name=self._name, daemon=True)
        thread.start()
        return _Running(thread, *begun.result(GRACE_S))

    def _serve(self, begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._until_stopped(begun))

    async def _until_stopped(self, begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        stop = asyncio.Event()
        begun.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            _, late = await asyncio.wait(left, timeout=GRACE_S)
            if late:
                logger.warning("{} calls of the gateway have not ended within {:g} s", len(late), GRACE_S)
        try:
            async with asyncio.timeout(GRACE_S):
                await self._finish()
        except TimeoutError:
            logger.warning("the gateway's connections have not closed within {:g} s", GRACE_S)
