"""Reverse requests: what the worker has asked of the host and not heard the end of yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dspash_protocol import (
    MAX_TIMEOUT_MS,
    Cancel,
    ErrorReply,
    Event,
    EventKind,
    Fault,
    FaultError,
    FaultKind,
    LocalProtocolError,
    Reply,
    Request,
    Result,
    ReverseCommand,
)
from dspash_worker.cancellation import CallCancelled
from dspash_worker.channel import Channel
from dspash_worker.inbox import Answer, Failure, Inbox, Item
from dspash_worker.unsendable import fault_of_unsendable

__all__ = ["MAX_ITEMS", "Pending", "ReverseRequests"]

MAX_ITEMS: Final = 16_384
"""Items of one stream that may wait for their consumer. The protocol cannot ask a host to pause, and the pipe must be
read for everyone else's sake, so a consumer that falls further behind loses its stream.
"""


@dataclass(slots=True, eq=False)
class Pending:
    """One reverse request: its id, the call it belongs to, and where its answer goes."""

    id: Final[int]
    call_id: Final[int]
    inbox: Final[Inbox]
    streams: Final[bool]


class ReverseRequests:
    """The table of pending reverse requests, by id. Ids count down from -1 and are never used again.

    `on_wait` is called when a call begins to wait for the host, with its first request, and `on_answer` when it has
    none left; from any thread, and both must be quick.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.on_wait: Callable[[], None] = _nothing
        self.on_answer: Callable[[], None] = _nothing
        self._asking: dict[int, int] = {}  # how many requests of each call are pending
        self._lock = threading.Lock()
        self._pending: dict[int, Pending] = {}
        self._last_id = 0
        self._closed = False
        self.late = 0  # answers to requests that were cancelled, timed out or answered before
        self.unknown = 0  # answers to requests never made

    def __repr__(self) -> str:
        return f"<ReverseRequests pending={len(self._pending)} late={self.late} unknown={self.unknown}>"

    def __len__(self) -> int:
        return len(self._pending)

    # --- asking, from any thread ---

    def ask(
        self,
        call_id: int,
        command: ReverseCommand,
        args: Mapping[str, Any],
        inbox: Inbox,
        *,
        streams: bool = False,
        timeout_s: float | None = None,
        traceparent: str | None = None,
    ) -> Pending:
        """Send one reverse request; its deliveries go to `inbox`. Whoever asks calls `withdraw` when it stops waiting.

        Raises FaultError when the request cannot be sent, ConnectionError when the pipe is gone.
        """
        if self._channel.forked:  # before any lock, which a thread that did not come along may hold for ever
            raise ConnectionError("the pipe to the host is another process's")
        args = {**args, "call": call_id}
        with self._lock:
            if self._closed:
                raise ConnectionError("the pipe to the host is gone")
            self._last_id -= 1
            pending = Pending(self._last_id, call_id, inbox, streams)
            self._pending[pending.id] = pending
            begins = call_id not in self._asking
            self._asking[call_id] = self._asking.get(call_id, 0) + 1
        if begins:
            self.on_wait()
        timeout_ms = None if timeout_s is None else round(min(max(0.0, timeout_s * 1000), MAX_TIMEOUT_MS))
        try:
            self._channel.send(Request(pending.id, command, args, timeout_ms, traceparent))
        except BaseException as error:
            self._drop(pending.id)
            if isinstance(error, LocalProtocolError):
                raise fault_of_unsendable(command, error) from None
            raise
        return pending

    def withdraw(self, pending: Pending, reason: str) -> None:
        """Tell the host that nobody waits for this answer any more, unless it is here already."""
        if self._drop(pending.id) is not None:
            self._send_cancel(pending, reason)

    def cancel_call(self, call_id: int, reason: str) -> int:
        """End all requests of one call: wakes whoever waits for them with CallCancelled. Returns how many there were."""
        with self._lock:
            ended = [pending for pending in self._pending.values() if pending.call_id == call_id]
            for pending in ended:
                del self._pending[pending.id]
            self._asking.pop(call_id, None)
        if ended:
            self.on_answer()
        for pending in ended:
            self._send_cancel(pending, reason)  # first: what waits may end the call as soon as it is woken
            pending.inbox.put(Failure(CallCancelled(reason)))
        return len(ended)

    def close(self) -> None:
        """The pipe is gone: everyone who waits is woken with ConnectionError."""
        with self._lock:
            self._closed = True
            ended = list(self._pending.values())
            self._pending.clear()
            self._asking.clear()
        for pending in ended:
            pending.inbox.put(Failure(ConnectionError("the pipe to the host is gone")))

    # --- hearing, in the reading thread ---

    def receive_reply(self, reply: Reply) -> None:
        """Deliver an answer to whoever asked; count it when nobody waits for it."""
        pending = self._drop(reply.id)
        if pending is None:
            self._count_unexpected(reply.id)
        elif isinstance(reply, Result):
            pending.inbox.put(Answer(reply.result))
        else:
            pending.inbox.put(Failure(FaultError(reply.fault)))

    def fail(self, request_id: int, fault: Fault) -> None:
        """End one request with a fault of our own making: what the host said of it made no sense."""
        self.receive_reply(ErrorReply(request_id, fault))

    def receive_event(self, event: Event) -> None:
        """Deliver an item of a stream; other kinds are for newer workers, and dropped."""
        pending = self._pending.get(event.id)
        if pending is None:
            self._count_unexpected(event.id)
        elif event.kind == EventKind.ITEM and pending.streams:
            if pending.inbox.waiting() < MAX_ITEMS:
                pending.inbox.put(Item(event.data))
            elif self._drop(pending.id) is not None:
                message = f"the stream's consumer is {MAX_ITEMS} items behind"
                self._send_cancel(pending, message)
                pending.inbox.put(Failure(FaultError.of(FaultKind.UNAVAILABLE, message)))

    def _drop(self, request_id: int) -> Pending | None:
        with self._lock:
            pending = self._pending.pop(request_id, None)
            if pending is None:
                return None
            left = self._asking[pending.call_id] - 1
            if left:
                self._asking[pending.call_id] = left
            else:
                del self._asking[pending.call_id]
        if not left:
            self.on_answer()
        return pending

    def _count_unexpected(self, request_id: int) -> None:
        if self._last_id <= request_id < 0:
            self.late += 1
        else:
            self.unknown += 1

    def _send_cancel(self, pending: Pending, reason: str) -> None:
        try:
            self._channel.send(Cancel(pending.id, reason))
        except (ConnectionError, LocalProtocolError):
            pass  # the host is gone, or the session over: nobody is left to answer


def _nothing() -> None:
    """What happens when nobody wants to know."""
