"""AsyncModel: the one interface of every step of the pipeline, and the routed call that goes through it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from dspash.gateway.answer import Answer
from dspash.gateway.lm_call import LMCall
from dspash.gateway.port import JsonMap
from dspash.gateway.target import Target

__all__ = ["AsyncModel", "Dispatch", "RoutedCall"]


class Dispatch:
    """Whether one attempt has left for its provider: what has not cannot have been billed.

    Marked by whoever sends it, read by whoever set something aside for it; both on the gateway's loop.
    """

    __slots__ = ("_was_sent",)

    def __init__(self) -> None:
        self._was_sent = False

    def __repr__(self) -> str:
        return f"<Dispatch {'sent' if self._was_sent else 'not sent'}>"

    @property
    def was_sent(self) -> bool:
        """Whether the provider may have seen the request."""
        return self._was_sent

    def mark_sent(self) -> None:
        """Note that the request is about to leave."""
        self._was_sent = True


@dataclass(frozen=True, slots=True)
class RoutedCall:
    """A call that it is known where to send."""

    call: LMCall
    target: Target
    fallbacks: tuple[Target, ...] = ()
    key: str = ""
    """What it has in common with every call that the same answer would do for, whoever makes it."""
    dispatch: Dispatch = field(default_factory=Dispatch, compare=False)
    """That of the attempt which the call is, below the step that makes attempts."""


class AsyncModel(Protocol):
    """A model, or a step in front of one. What caches, retries or limits is again one, holding the next.

    Lives on one event loop. Every error is a GatewayError; cancelling a call or closing its stream abandons it.
    """

    async def complete(self, call: RoutedCall) -> Answer:
        """Answer a call whole."""
        ...

    def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """Answer a call as lm15 stream events: one start, deltas, one end; then one Answer, the last item."""
        ...
