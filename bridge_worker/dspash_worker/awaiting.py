"""Awaiting: gets the value of a coroutine in code that is not one."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable
from typing import Any

__all__ = ["await_in_sync"]


def await_in_sync(value: Any) -> Any:
    """Return `value`, or what it comes to when awaited, on a loop of its own.

    Where a loop runs in this thread the other one runs in a thread beside it, in a copy of this context.
    """
    if not inspect.isawaitable(value):
        return value
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_as_coroutine(value))
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def wait() -> None:
        try:
            outcome.append(asyncio.run(_as_coroutine(value)))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            failure.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(wait,), daemon=True)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


async def _as_coroutine(value: Awaitable[Any]) -> Any:
    return await value
