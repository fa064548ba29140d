"""Deadline: the caller's time, which bounds everything that is waited for on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from dspash.gateway.answer import Answer
from dspash.gateway.errors import ModelTimeoutError
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.port import JsonMap

__all__ = ["Deadline"]


class Deadline:
    """Ends a call with ModelTimeoutError when its deadline passes, wherever it waits then.

    The loop's clock is the monotonic one that deadlines are given in.
    """

    def __init__(self, following: AsyncModel) -> None:
        self._following = following

    def __repr__(self) -> str:
        return "Deadline()"

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel."""
        deadline = call.call.deadline
        if deadline is None:
            return await self._following.complete(call)
        scope = asyncio.timeout_at(deadline)
        try:
            async with scope:
                return await self._following.complete(call)
        except TimeoutError as error:
            raise _too_late(call) from error

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. The time that the caller takes for each event counts, too."""
        async with aclosing(self._following.stream(call)) as items:
            while True:
                try:
                    async with asyncio.timeout_at(call.call.deadline):
                        item = await anext(items, None)
                except TimeoutError as error:
                    raise _too_late(call) from error
                if item is None:
                    return
                yield item


def _too_late(call: RoutedCall) -> ModelTimeoutError:
    return ModelTimeoutError(
        f"the deadline passed before {call.target.name} had answered", provider=call.target.provider
    )
