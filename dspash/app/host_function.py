"""Host function: how a function of this process, sync or async, is run for a worker."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from loguru import logger

from dspash_protocol import Fault, FaultError, FaultKind

__all__ = ["run_host_function"]


def run_host_function(
    function: Callable[[], Any], *, kind: FaultKind, what: str, details: Mapping[str, Any] | None = None
) -> Any:
    """Call `function`; what it returns is awaited on a loop of its own, if it can be.

    Raises FaultError of `kind` for whatever the function raises. Its traceback shows files of this machine, which are
    not a worker's to know: it goes to the log, where `what` says whose it is.
    """
    try:
        value = function()
        return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value
    except FaultError:
        raise  # it says itself what it is
    except Exception as error:
        logger.opt(exception=error).warning("{} raised", what)
        raise FaultError(
            Fault(
                kind,
                f"{type(error).__name__}: {_text_of(error)}",
                type=type(error).__name__,
                details=dict(details or {}),
            )
        ) from error


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


def _text_of(error: Exception) -> str:
    try:
        return str(error) or repr(error)
    except Exception as second:  # noqa: BLE001 - an exception's own __str__ is somebody's code, too
        return f"it raised {type(second).__name__} when it was looked at"
