"""Stream: the events of one running call, to iterate over as they come."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Generic, TypeVar

from dspash.app.weight import weight_of
from dspash.bridge import Call
from dspash.errors import OverloadedError
from dspash_protocol import Event, EventKind

__all__ = ["Stream"]

MAX_WAITING: Final = 65_536
MAX_WAITING_BYTES: Final = 64 << 20
"""Items; a consumer that lags further behind loses the call, not the host its memory."""

T = TypeVar("T")


class Stream(Generic[T]):
    """What a call tells while it runs, then its result; iterate it with `for` or with `async for`, once.

    Leaving the loop early cancels the call, and so does `close`, or leaving a `with` or `async with` block. Errors of
    the call are raised where the next event would have come.
    """

    def __init__(
        self, kind: EventKind, read_item: Callable[[Any], T], read_result: Callable[[Call, Any], T]
    ) -> None:
        self._kind = kind
        self._read_item = read_item
        self._read_result = read_result
        self._waiting: deque[tuple[Any, int]] = deque()  # each with its weight
        self._waiting_bytes = 0
        self._lock = threading.RLock()  # taken by itself: Ctrl-C inside a condition can leave its lock taken
        self._changed = threading.Condition(self._lock)
        self._listener: Callable[[], None] | None = None
        self._call: Call | None = None

    def __repr__(self) -> str:
        return f"<Stream waiting={len(self._waiting)} of {self._call!r}>"

    def __enter__(self) -> Stream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Stream[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def take(self, event: Event) -> None:
        """Take an event, on the thread that reads it."""
        if event.kind != self._kind:
            return
        weight = weight_of(event.data)
        if len(self._waiting) < MAX_WAITING and self._waiting_bytes + weight <= MAX_WAITING_BYTES:
            with self._lock:
                self._waiting.append((event.data, weight))
                self._waiting_bytes += weight
            self._tell()
        elif self._call is not None:
            error = OverloadedError(
                queued=len(self._waiting),
                limit=MAX_WAITING,
                what="events of a stream",
                way_out=f"iterate it sooner; together they may take {MAX_WAITING_BYTES >> 20} MiB",
            )
            self._call.give_up(error, "its events are not taken")

    def follow(self, call: Call) -> Stream[T]:
        """Take the events of `call`, whose `on_event` is our `take`, and its result."""
        self._call = call
        call.future.add_done_callback(lambda _future: self._tell())
        return self

    def close(self) -> None:
        """Cancel the call, if it still runs."""
        if self._call is not None:
            self._call.cancel("its stream was closed")

    def __iter__(self) -> Iterator[T]:
        try:
            yield from self.items()
            call = self._followed()
            yield self._read_result(call, call.future.result())
        finally:
            self.close()

    def items(self) -> Iterator[T]:
        """The events alone, without the result; ends when the call does, however that was."""
        call = self._followed()
        while True:
            with self._lock:
                while not self._waiting and not call.future.done():
                    self._changed.wait()
            if not self._waiting:
                return
            yield self._next()

    async def __aiter__(self) -> AsyncIterator[T]:
        call = self._followed()
        arrived = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed, and nobody iterates any more
                loop.call_soon_threadsafe(arrived.set)

        self._listener = wake
        try:
            while True:
                arrived.clear()
                ended = call.future.done()  # looked at first: what came before the end is then in the queue
                while self._waiting:
                    yield self._next()
                if ended:
                    yield self._read_result(call, call.future.result())
                    return
                await arrived.wait()
        finally:
            self._listener = None
            self.close()

    def _next(self) -> T:
        with self._lock:
            item, weight = self._waiting.popleft()
            self._waiting_bytes -= weight
        return self._read_item(item)

    def _followed(self) -> Call:
        if self._call is None:
            raise RuntimeError("a stream follows a call before it is iterated")
        return self._call

    def _tell(self) -> None:
        with self._lock:
            self._changed.notify_all()
        listener = self._listener
        if listener is not None:
            listener()
