"""ToolRunner: runs the host's tools that code calls."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import TypeAlias

from dspash.bridge.elastic import ElasticThreads
from dspash_protocol import ErrorReply, Fault, FaultError, FaultKind, FrameTooLargeError, Result
from dspash_protocol.interpreter import ToolAsk

__all__ = ["ServeTool", "ToolReply", "ToolRunner"]

ServeTool: TypeAlias = Callable[[ToolAsk], str]
"""Runs a tool and returns its value as a JSON text. What it raises is what the code sees."""

ToolReply: TypeAlias = Result | ErrorReply


class ToolRunner:
    """Runs tools in the thread that waits for the code, or beside one another in threads of their own.

    What is no Exception (Ctrl-C, a cancellation) is not the code's to see: it passes through `run`, and from threads
    goes to `on_interrupt`.
    """

    def __init__(self, serve: ServeTool) -> None:
        self._serve = serve
        self._threads = ElasticThreads("dspash-interpreter-tool")

    def run(self, request_id: int, ask: ToolAsk) -> ToolReply:
        """Run a tool here, and return the answer for the code."""
        try:
            return Result(request_id, self._serve(ask))
        except FaultError as error:
            return ErrorReply(request_id, error.fault)
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


def _text_of(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as second:  # noqa: BLE001 - an exception's own __str__ is somebody's code, too
        return f"{type(error).__name__}, which raised {type(second).__name__} when it was looked at"
