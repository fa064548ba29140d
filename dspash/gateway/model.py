"""AsyncModel: the one interface of every step of the pipeline, and the routed call that goes through it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from dspash.gateway.answer import Answer
from dspash.gateway.lm_call import LMCall
from dspash.gateway.port import JsonMap
from dspash.gateway.target import Target

__all__ = ["AsyncModel", "RoutedCall"]


@dataclass(frozen=True, slots=True)
class RoutedCall:
    """A call that it is known where to send."""

    call: LMCall
    target: Target
    fallbacks: tuple[Target, ...] = ()
    key: str = ""
    """What it has in common with every call that the same answer would do for, whoever makes it."""


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
