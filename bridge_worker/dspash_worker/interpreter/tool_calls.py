"""Tool calls: functions of the host that the code calls, from any of its threads."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from dspash_protocol import (
    Defect,
    ErrorReply,
    Fault,
    FaultKind,
    Received,
    Reply,
    Request,
    Result,
    ReverseCommand,
)
from dspash_protocol.interpreter import ToolAsk
from dspash_protocol.json_text import write_json
from dspash_worker.interpreter.line import Line

__all__ = ["ToolCalls"]


class ToolCalls:
    """The tool calls that wait for their answers.

    No thread is there for reading: of those that wait, one reads for all of them. `set_aside` is given what is not
    about a tool call.
    """

    def __init__(self, line: Line, set_aside: Callable[[Received], None]) -> None:
        self._line = line
        self._set_aside = set_aside
        self._waiting: dict[int, Reply | None] = {}  # by request id
        self._changed = threading.Condition(threading.Lock())
        self._is_reading = False
        # Ids leave in their order: to a host, one that does not count down is forged.
        self._asking = threading.Lock()
        self._last_id = 0

    def __repr__(self) -> str:
        return f"<ToolCalls waiting={len(self._waiting)}>"

    def function(self, name: str, call: int, is_current: Callable[[], bool]) -> Callable[..., Any]:
        """Make the function that code calls as `name` while request `call` runs; afterwards it refuses."""

        def tool(*args: Any, **kwargs: Any) -> Any:
            if not is_current():
                raise RuntimeError(f"{name} was offered to an earlier execution")
            return self._call(call, name, args, kwargs)

        tool.__name__ = tool.__qualname__ = name
        return tool

    def _call(self, call: int, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Ask the host and wait. Raises TypeError for what cannot travel, RuntimeError as the host answers."""
        arguments = _written(name, args, kwargs)
        ask = ToolAsk(call, name, arguments, alone=len(sys._current_frames()) == 1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        request_id = 0
        try:
            with self._asking:
                request_id = self._last_id = self._last_id - 1
                self._waiting[request_id] = None
                self._line.send(Request(request_id, ReverseCommand.INTERPRETER_TOOL, ask.to_map()))
            reply = self._await(request_id)
        finally:
            with self._changed:
                self._waiting.pop(request_id, None)
        if isinstance(reply, ErrorReply):
            raise RuntimeError(reply.fault.message)
        return json.loads(reply.result)

    def _await(self, request_id: int) -> Reply:
        while True:
            with self._changed:
                while (reply := self._waiting[request_id]) is None and self._is_reading:
                    self._changed.wait()
                if reply is not None:
                    return reply
                self._is_reading = True
            try:
                received = self._line.receive()
            finally:
                with self._changed:
                    self._is_reading = False
                    self._changed.notify_all()
            self._take(received)

    def _take(self, received: Received) -> None:
        match received:
            case Result() | ErrorReply():
                reply = received
            case Defect(own_request_id=int() as own, fault=fault):
                reply = ErrorReply(own, fault)
            case _:
                self._set_aside(received)
                return
        if isinstance(reply, Result) and not isinstance(reply.result, str):
            fault = Fault(FaultKind.TOOL_ERROR, "the host's answer is no JSON text")
            reply = ErrorReply(reply.id, fault)
        with self._changed:
            if reply.id in self._waiting:
                self._waiting[reply.id] = reply
                self._changed.notify_all()


def _written(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    try:
        return write_json([args, kwargs])
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{name}: its arguments must be JSON values: {error}") from None
