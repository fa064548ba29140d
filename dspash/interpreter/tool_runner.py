"""ToolRunner: runs the host's tools that code calls."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any, cast

from dspash.bridge.elastic import ElasticThreads
from dspash.interpreter.values import read_value, write_value
from dspash_protocol import ErrorReply, Fault, FaultKind, FrameTooLargeError, Result
from dspash_protocol.interpreter import ToolAsk

__all__ = ["Invoke", "ToolReply", "ToolRunner"]

Invoke = Callable[[str, list[Any], dict[str, Any]], Any]
ToolReply = Result | ErrorReply


class ToolRunner:
    """Runs tools in the thread that waits for the code, or beside one another in threads of their own.

    `invoke` calls a tool by its name. What is no Exception (Ctrl-C, a cancellation) is not the code's to see: it passes
    through `run`, and from threads goes to `on_interrupt`.
    """

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke
        self._threads = ElasticThreads("dspash-interpreter-tool")

    def run(self, request_id: int, ask: ToolAsk) -> ToolReply:
        """Run a tool here, and return the answer for the code."""
        try:
            args, kwargs = _read_arguments(ask.arguments)
            value = self._invoke(ask.name, args, kwargs)
            if inspect.isawaitable(value):
                value = _awaited(value)
            return Result(request_id, write_value(value))
        except Exception as error:  # noqa: BLE001 - a tool is the host app's code, and its error is the answer
            return ErrorReply(request_id, Fault(FaultKind.TOOL_ERROR, _text_of(error), type(error).__name__))

    def start(
        self,
        request_id: int,
        ask: ToolAsk,
        answer: Callable[[ToolReply], None],
        on_interrupt: Callable[[BaseException], None],
    ) -> bool:
        """Run a tool in a thread, in a copy of this context, and give `answer` its answer; False for want of threads."""
        context = contextvars.copy_context()

        def job() -> None:
            try:
                reply = context.run(self.run, request_id, ask)
            except BaseException as error:  # noqa: BLE001 - handed on to the thread that waits for the code
                on_interrupt(error)
            else:
                answer(reply)

        return self._threads.start(job)

    @staticmethod
    def too_large(request_id: int, error: FrameTooLargeError) -> ToolReply:
        """The answer in place of one that is over the limit."""
        problem = f"the tool's value takes {error.size} bytes, over the limit of {error.limit}"
        return ErrorReply(request_id, Fault(FaultKind.TOO_LARGE, problem))

    def close(self) -> None:
        """Let the threads end; one whose tool still runs ends after it."""
        self._threads.close(timeout_s=0.0)


def _read_arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
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


def _text_of(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as second:  # noqa: BLE001 - an exception's own __str__ is somebody's code, too
        return f"{type(error).__name__}, which raised {type(second).__name__} when it was looked at"
