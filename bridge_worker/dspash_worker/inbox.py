"""Inbox: where the answer to a reverse request, and its streamed items, arrive for whoever waits."""

from __future__ import annotations

from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol, TypeAlias

__all__ = ["Answer", "Delivery", "Failure", "Inbox", "Item", "ThreadInbox"]


# Final fields instead of frozen classes, as in the protocol's messages: these are made at every request.


@dataclass(slots=True)
class Item:
    """One streamed value."""

    data: Final[Any]


@dataclass(slots=True)
class Answer:
    """The result: the last thing delivered."""

    value: Final[Any]


@dataclass(slots=True)
class Failure:
    """Why there is no result: the last thing delivered. FaultError, CallCancelled or ConnectionError."""

    error: Final[BaseException]


Delivery: TypeAlias = Item | Answer | Failure


class Inbox(Protocol):
    """What the thread that delivers sees. Nothing is delivered after an Answer or a Failure."""

    def put(self, delivery: Delivery, /) -> None:
        """Leave one delivery; from any thread, never waits."""
        ...

    def waiting(self) -> int:
        """How many were left and not taken yet, roughly."""
        ...


class ThreadInbox:
    """An inbox that a thread waits on."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: SimpleQueue[Delivery] = SimpleQueue()

    def put(self, delivery: Delivery, /) -> None:
        """See Inbox."""
        self._queue.put(delivery)

    def waiting(self) -> int:
        """See Inbox."""
        return self._queue.qsize()

    def take(self, timeout_s: float | None) -> Delivery | None:
        """Wait for the next delivery; None when `timeout_s` passed without one."""
        try:
            return self._queue.get(timeout=timeout_s)
        except Empty:
            return None
