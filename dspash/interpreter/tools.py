"""Tools: functions of this process as code in an interpreter calls them."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from dspash.interpreter.values import read_value, write_value
from dspash_protocol.interpreter import ToolAsk

__all__ = ["Invoke", "read_arguments", "serve_by"]

Invoke: TypeAlias = Callable[[str, list[Any], dict[str, Any]], Any]


def serve_by(invoke: Invoke, ask: ToolAsk) -> str:
    """Have `invoke` call a tool by its name; what it returns is awaited where that is needed."""
    args, kwargs = read_arguments(ask.arguments)
    value = invoke(ask.name, args, kwargs)
    return write_value(_awaited(value) if inspect.isawaitable(value) else value)


def read_arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """The positional and the named arguments of a tool call. Raises ValueError for anything else."""
    arguments = read_value(text)
    if not isinstance(arguments, list) or list(map(type, cast("list[Any]", arguments))) != [list, dict]:
        raise ValueError("the arguments are no list of positional and named ones")
    args, kwargs = cast("tuple[list[Any], dict[str, Any]]", arguments)
    return args, kwargs


def _awaited(value: Awaitable[Any]) -> Any:
    """Wait for a coroutine, on a loop of its own; in a thread of its own where this one's loop is running."""
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
