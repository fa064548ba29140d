"""Lent: interpreters that programs ask their host for, and use for one call."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from dspash.bridge import Ask, Call
from dspash.errors import DspashError
from dspash.interpreter.foundry import Foundry
from dspash.interpreter.kernel import Kernel, KernelFailedError
from dspash.interpreter.time_limits import TimeLimits
from dspash.interpreter.tool_runner import ToolRunner
from dspash.interpreter.tools import read_arguments
from dspash.interpreter.values import write_value
from dspash.sandbox import Limits, Tier
from dspash_protocol import (
    Fault,
    FaultError,
    FaultKind,
    FrameTooLargeError,
    InvalidPayloadError,
    ReverseCommand,
)
from dspash_protocol.fields import Fields
from dspash_protocol.interpreter import Cell, ToolAsk

__all__ = ["AskHost", "LentInterpreters"]

ASK_HOST: Final = "ask_host"
MOST_OPEN: Final = 32  # of one call: sub-agents have interpreters of their own
ANSWERED_WITHIN_S: Final = 600.0

AskHost = Callable[[Ask, dict[str, Any]], Any]
"""Runs a tool of the host for the call of an ask, `{name, args}`, if that call may use it. Raises FaultError."""


@dataclass(slots=True)
class _Lent:
    """One open interpreter: whose it is, and the tools of its program that its code waits for."""

    number: int
    call: Call
    kernel: Kernel
    executing: threading.Lock = field(default_factory=threading.Lock)
    asked: dict[int, Future[str]] = field(default_factory=dict[int, "Future[str]"])
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


class LentInterpreters:
    """The interpreters of an app's programs. Its methods are handlers of reverse requests; they may wait.

    The code reaches what its program lets it reach, and nothing else: tools of the program run in the program's process,
    which is asked through the very request that executes the code; `ask_host` runs those of the host that the call may
    use. An interpreter serves the call that opened it, and ends with it.
    """

    def __init__(self, foundry: Callable[[], Foundry], tier: Tier, limits: Limits, ask_host: AskHost) -> None:
        """What `foundry` returns makes the workers, each confined as `tier` says, and to `limits`."""
        self._find_foundry = foundry
        self._tier = tier
        self._limits = limits
        self._ask_host = ask_host
        self._lent: dict[int, _Lent] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<LentInterpreters open={len(self._lent)}>"

    @property
    def handlers(self) -> dict[ReverseCommand, Callable[[Ask], Any]]:
        """What serves which command."""
        return {
            ReverseCommand.INTERPRETER_OPEN: self.open,
            ReverseCommand.INTERPRETER_EXECUTE: self.execute,
            ReverseCommand.INTERPRETER_ANSWER: self.answer,
            ReverseCommand.INTERPRETER_CLOSE: self.close,
        }

    def open(self, ask: Ask) -> dict[str, Any]:
        """Answer `interpreter.open`."""
        call = ask.call
        if call is None:
            raise FaultError.of(FaultKind.INVALID_REQUEST, "an interpreter belongs to a call")
        with self._lock:
            if sum(lent.call is call for lent in self._lent.values()) >= MOST_OPEN:
                raise FaultError.of(FaultKind.UNAVAILABLE, f"this call has {MOST_OPEN} interpreters open")
        try:
            kernel = self._find_foundry().start(self._tier, self._limits)
            python = kernel.boot()
        except (OSError, DspashError, KernelFailedError) as error:
            problem = f"an interpreter could not be started: {error}"
            raise FaultError(Fault(FaultKind.UNAVAILABLE, problem)) from error
        lent = _Lent(next(self._numbers), call, kernel)
        with self._lock:
            self._lent[lent.number] = lent
        call.future.add_done_callback(functools.partial(self._on_call_ended, lent))
        return {"interpreter": lent.number, "python": python}

    def execute(self, ask: Ask) -> dict[str, Any]:
        """Answer `interpreter.execute`, with an item event for each tool of the program that the code calls."""
        lent = self._of(ask)
        try:
            cell = Cell.from_map(ask.args)
        except InvalidPayloadError as error:
            raise FaultError.of(FaultKind.INVALID_INPUT, error.problem, path=error.path) from None
        if not lent.executing.acquire(blocking=False):
            raise FaultError.of(FaultKind.INVALID_REQUEST, "this interpreter is executing")
        runner = ToolRunner(functools.partial(self._serve_tool, lent, ask))
        times = TimeLimits(
            wall_s=self._limits.wall_s,
            total_s=self._limits.total_s,
            timeout_s=max(0.0, ask.remaining_s()),
        )
        try:
            outcome = lent.kernel.execute(
                cell.to_map(), tools=frozenset(cell.tools), runner=runner, times=times, aside=False
            )
        except KernelFailedError as error:
            self._end(lent)
            problem = f"the interpreter has ended: {error}; its names are lost"
            raise FaultError(Fault(FaultKind.UNAVAILABLE, problem)) from error
        except FrameTooLargeError as error:
            details = {"size": error.size, "limit": error.limit}
            raise FaultError.of(FaultKind.TOO_LARGE, str(error), **details) from None
        except BaseException:
            self._end(lent)
            raise
        finally:
            runner.close()
            lent.executing.release()
        return outcome.to_map()

    def answer(self, ask: Ask) -> None:
        """Answer `interpreter.answer`: the program has run a tool for the code."""
        lent = self._of(ask)
        fields = Fields(dict(ask.args))
        try:
            waiting = lent.asked.pop(fields.count("ask"), None)
            told = fields.text("error" if "error" in ask.args else "value")
        except InvalidPayloadError as error:
            raise FaultError.of(FaultKind.INVALID_INPUT, error.problem, path=error.path) from None
        if waiting is None or not waiting.set_running_or_notify_cancel():
            raise FaultError.of(FaultKind.NOT_FOUND, "nobody waits for that answer")
        if "error" in ask.args:
            waiting.set_exception(FaultError(Fault(FaultKind.TOOL_ERROR, told)))
        else:
            waiting.set_result(told)

    def close(self, ask: Ask) -> None:
        """Answer `interpreter.close`."""
        self._end(self._of(ask))

    def end_all(self) -> None:
        """End every interpreter: the app closes."""
        for lent in list(self._lent.values()):
            self._end(lent)

    def _of(self, ask: Ask) -> _Lent:
        number = ask.args.get("interpreter")
        lent = self._lent.get(number) if isinstance(number, int) else None
        if lent is None or lent.call is not ask.call:
            raise FaultError.of(FaultKind.NOT_FOUND, "this call has no such interpreter open")
        return lent

    def _serve_tool(self, lent: _Lent, ask: Ask, wanted: ToolAsk) -> str:
        """Have a tool run for the code, by the host or by the program, and return its value as a JSON text."""
        if wanted.name == ASK_HOST:
            return write_value(self._ask_host(ask, _read_host_tool(wanted.arguments)))
        number = next(lent.numbers)
        waiting: Future[str] = Future()
        lent.asked[number] = waiting
        try:
            ask.item(
                {"ask": number, "name": wanted.name, "arguments": wanted.arguments, "alone": wanted.alone}
            )
            return waiting.result(min(ANSWERED_WITHIN_S, max(0.0, ask.remaining_s())))
        except TimeoutError:
            raise FaultError.of(FaultKind.TIMEOUT, "the program has not answered in time") from None
        finally:
            lent.asked.pop(number, None)

    def _on_call_ended(self, lent: _Lent, _ended: Future[Any]) -> None:
        self._end(lent)

    def _end(self, lent: _Lent) -> None:
        with self._lock:
            if self._lent.pop(lent.number, None) is None:
                return
        for waiting in list(lent.asked.values()):
            waiting.cancel()
        self._find_foundry().bury(lent.kernel)


def _read_host_tool(arguments: str) -> dict[str, Any]:
    given = read_arguments(arguments)
    match given:
        case ([str() as name, dict()], {}):
            return {"name": name, "args": given[0][1]}
        case _:
            raise ValueError("ask_host takes the name of a tool and a map of its arguments")
