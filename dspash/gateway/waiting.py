"""Waiting: for what the gateway's loop comes to, from a thread or a task; the end of the gateway is told as such."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from dspash.gateway.refusals import GatewayClosedError

__all__ = ["awaited", "result_of"]

_T = TypeVar("_T")


def result_of(future: Future[_T]) -> _T:
    """What the future comes to. Whoever stops waiting for it abandons the call. Raises GatewayClosedError."""
    try:
        return future.result()
    except CancelledError as error:
        raise _closed() from error
    finally:
        future.cancel()


async def awaited(answer: Awaitable[_T]) -> _T:
    """The same in a task: its own cancellation is told from that of the answer, which ends with the gateway."""
    try:
        return await answer
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise _closed() from None


def _closed() -> GatewayClosedError:
    return GatewayClosedError("the gateway was closed before the answer was there")
