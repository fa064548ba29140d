"""Call: one running request of the host, as the domain sees it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from typing import Any, Final

from dspash_protocol import (
    HARMLESS_ASKS,
    Command,
    Event,
    EventKind,
    Fault,
    FaultError,
    FaultKind,
    LocalProtocolError,
    Progress,
    Request,
    ReverseCommand,
)
from dspash_worker.cancellation import CallCancelled, CallState, Cancellation
from dspash_worker.channel import Channel
from dspash_worker.events import EventQueue
from dspash_worker.inbox import Answer, Delivery, Failure, Inbox, Item, ThreadInbox
from dspash_worker.reverse import Pending, ReverseRequests
from dspash_worker.unsendable import fault_of_unsendable

__all__ = ["Call", "CallCancelled", "ItemStream"]

_arrivals: Final = itertools.count(1)


class Call:
    """All that the domain may know of the outside while it serves one request.

    Its methods may be used from any thread, those that user code started included. Once the call was cancelled, its
    deadline has passed or it has ended, they raise CallCancelled. Calls are made in the order in which their requests
    arrive, and `arrival` numbers them.
    """

    __slots__ = (
        "_announced",
        "_asks",
        "_channel",
        "_emitting",
        "_now",
        "_seq",
        "args",
        "arrival",
        "cancellation",
        "command",
        "deadline",
        "events",
        "full",
        "id",
        "progress",
        "request",
    )

    def __init__(
        self,
        request: Request,
        command: Command,
        *,
        full: bool,
        channel: Channel,
        asks: ReverseRequests,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request = request
        self.id = request.id
        self.arrival = next(_arrivals)
        self.command = command
        self.args = request.args
        self.full = full  # whether the session speaks the full protocol
        self.progress = Progress.SENT
        self.cancellation = Cancellation()
        self.events = EventQueue()
        self._channel = channel
        self._asks = asks
        self._now = now
        self.deadline = None if request.timeout_ms is None else now() + request.timeout_ms / 1000
        self._emitting = threading.Lock()  # events leave in the order of their numbers
        self._seq = 0

    def __repr__(self) -> str:
        return f"<Call {self.id} {self.command} {self.cancellation.state} {self.progress}>"

    # --- time ---

    def remaining_s(self) -> float | None:
        """Seconds until the deadline, 0 when it has passed, None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - self._now())

    def check(self) -> None:
        """Raise CallCancelled if the call was cancelled, is past its deadline, or has ended."""
        with self.cancellation:
            self.cancellation.check()
            if self.remaining_s() == 0:
                raise CallCancelled(self.deadline_fault().message)

    def deadline_fault(self) -> Fault:
        """What the call ends with when its time is up."""
        return Fault(FaultKind.TIMEOUT, f"{self.command} did not end within {self.request.timeout_ms} ms")

    # --- events ---

    def emit(self, kind: EventKind, data: Any = None) -> None:
        """Tell the host something about this call; nothing in plain mode, or once the call has its answer.

        An item waits while 256 events of this call wait for the pipe; progress then replaces the oldest progress.
        Raises FaultError when `data` cannot be sent, ConnectionError when the pipe is gone.
        """
        if self.full and self.cancellation.state is not CallState.DONE:
            with self.cancellation, self._emitting:
                self._emit(kind, data)

    def hold(self, kind: EventKind, data: Any) -> None:
        """The same with the call's answer, which follows at once: the host is woken once for both."""
        if self.full and self.cancellation.state is not CallState.DONE:
            with self.cancellation, self._emitting:
                self._emit(kind, data, held=True)

    def _emit(self, kind: EventKind, data: Any, *, held: bool = False) -> None:
        event = Event(self.id, kind, self._seq, data)
        try:
            if held:
                self._channel.hold(event, kind, self.events)
            else:
                self._channel.emit(event, kind, self.events, self.cancellation.check)
        except LocalProtocolError as error:
            if self.cancellation.state is CallState.DONE:
                return  # answered a moment ago, and by another thread than this
            raise fault_of_unsendable(f"a {kind} event", error) from None
        self._seq += 1

    # --- reverse requests ---

    def ask(self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None) -> Any:
        """Ask the host and wait for its result.

        Raises FaultError as the host answered, or when the request cannot be sent (plain mode, args that are no wire
        values) or was not answered within `timeout_s`; ConnectionError when the pipe is gone; CallCancelled.
        """
        with self.cancellation:
            inbox = ThreadInbox()
            pending = self._begin(command, args, inbox, timeout_s)
            self._await(inbox)
            delivery = inbox.take(timeout_s)
            self._asks.withdraw(pending, "timeout")
            return _value_of(delivery, command, timeout_s)

    def ask_stream(
        self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Generator[Any, None, Any]:
        """Ask the host for a stream: yields its items, returns its result. Nothing is sent before the first `next`.

        `timeout_s` bounds the whole of it. Closing the generator withdraws the request. Raises as `ask` does, and the
        fault `unavailable` in a consumer that fell reverse.MAX_ITEMS behind.
        """
        inbox = ThreadInbox()
        until = self._until(timeout_s)
        with self.cancellation:
            pending = self._begin(command, args, inbox, timeout_s, streams=True)
        try:
            while True:
                with self.cancellation:
                    self._await(inbox)
                    delivery = inbox.take(self._left(until))
                if not isinstance(delivery, Item):
                    return _value_of(delivery, command, timeout_s)
                yield delivery.data
        finally:
            with self.cancellation:
                self._asks.withdraw(pending, "nobody reads this stream any more")

    async def aask(
        self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Any:
        """As `ask`, for a coroutine on any asyncio loop. Cancelling the task that awaits it withdraws the request."""
        from dspash_worker.loop_inbox import LoopInbox  # asyncio is slow to import

        inbox = LoopInbox()
        with self.cancellation:
            pending = self._begin(command, args, inbox, timeout_s)
        try:
            with self.cancellation:
                self._have_read()
            return _value_of(await inbox.take(timeout_s), command, timeout_s)
        finally:
            with self.cancellation:
                self._asks.withdraw(pending, "nobody waits for this any more")

    def aask_stream(
        self, command: ReverseCommand, args: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> ItemStream:
        """As `ask_stream`, for a coroutine: an async iterator of the items; its `result` is there once they ended."""
        return ItemStream(lambda stream: self._stream(stream, command, args, timeout_s))

    async def _stream(
        self, stream: ItemStream, command: ReverseCommand, args: Mapping[str, Any], timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        from dspash_worker.loop_inbox import LoopInbox  # asyncio is slow to import

        inbox = LoopInbox()
        until = self._until(timeout_s)
        with self.cancellation:
            pending = self._begin(command, args, inbox, timeout_s, streams=True)
        try:
            with self.cancellation:
                self._have_read()
            while isinstance(delivery := await inbox.take(self._left(until)), Item):
                yield delivery.data
            stream.result = _value_of(delivery, command, timeout_s)
        finally:
            with self.cancellation:
                self._asks.withdraw(pending, "nobody reads this stream any more")

    def _begin(
        self,
        command: ReverseCommand,
        args: Mapping[str, Any],
        inbox: Inbox,
        timeout_s: float | None,
        *,
        streams: bool = False,
    ) -> Pending:
        """Send one reverse request. One for a model or a tool is itself the sign that the call has side effects."""
        self.check()
        if command not in HARMLESS_ASKS:
            self.progress = Progress.SIDE_EFFECTS
        left_s = self.remaining_s()
        if timeout_s is None or (left_s is not None and left_s < timeout_s):
            timeout_s = left_s
        pending = self._asks.ask(
            self.id,
            command,
            args,
            inbox,
            streams=streams,
            timeout_s=timeout_s,
            traceparent=self.request.traceparent,
        )
        try:
            self.cancellation.check()  # a cancellation in between may have been too early to see this request
        except CallCancelled as cancelled:
            self._asks.withdraw(pending, cancelled.reason)
            raise
        return pending

    def _await(self, inbox: ThreadInbox) -> None:
        """Read in this thread for a while; see that somebody does when nothing has come by then."""
        self._channel.lead(inbox.waiting, own=1)
        if not inbox.waiting():
            self._have_read()

    def _have_read(self) -> None:
        try:
            self._channel.have_read()
        except RuntimeError as error:
            raise FaultError.of(
                FaultKind.UNAVAILABLE, f"nobody could hear the host's answer: {error}"
            ) from None

    def _until(self, timeout_s: float | None) -> float | None:
        return None if timeout_s is None else self._now() + timeout_s

    def _left(self, until: float | None) -> float | None:
        return None if until is None else max(0.0, until - self._now())


class ItemStream(AsyncIterator[Any]):
    """The items of one reverse request, and its `result` once they ended. Close it (`aclose`) to withdraw the request."""

    def __init__(self, open_stream: Callable[[ItemStream], AsyncGenerator[Any, None]]) -> None:
        self.result: Any = None
        self._items = open_stream(self)

    async def __anext__(self) -> Any:
        return await anext(self._items)

    async def aclose(self) -> None:
        """End the request if it has not ended. Harmless when it has."""
        await self._items.aclose()


def _value_of(delivery: Delivery | None, command: ReverseCommand, timeout_s: float | None) -> Any:
    """The answer, or the exception for what came in its place, which may be nothing in time."""
    if isinstance(delivery, Answer):
        return delivery.value
    if isinstance(delivery, Failure):
        raise delivery.error
    raise FaultError.of(FaultKind.TIMEOUT, f"{command} was not answered within {timeout_s or 0:g} s")
