"""Lent: interpreters that programs ask their host for, and use for one call."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from dspash.bridge import Ask, AskHandler, Call
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
    Request,
    ReverseCommand,
)
from dspash_protocol.fields import Fields
from dspash_protocol.interpreter import Cell, ToolAsk

__all__ = ["LentInterpreters"]

ASK_HOST: Final = "ask_host"
MOST_OPEN: Final = 32  # of one call: sub-agents have interpreters of their own
_NO_REQUEST: Final = -1  # the id of an ask that came from an interpreter, and is not answered to a worker


@dataclass(slots=True)
class _Lent:
    """One open interpreter: whose it is, what it may use, and the tools of its program that its code waits for."""

    number: int
    call: Call
    kernel: Kernel
    limits: Limits
    executing: threading.Lock = field(default_factory=threading.Lock)
    asked: dict[int, Future[str]] = field(default_factory=dict[int, "Future[str]"])
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


class LentInterpreters:
    """The interpreters of an app's programs. Its methods are handlers of reverse requests; they may wait.

    The code reaches what its program lets it reach, and nothing else: tools of the program run in the program's process,
    which is asked through the very request that executes the code; `ask_host` runs those of the host that the call may
    use. An interpreter serves the call that opened it, and ends with it.
    """

    def __init__(
        self, foundry: Callable[[], Foundry], *, tier: Tier, limits: Limits, serve_tool: AskHandler
    ) -> None:
        """What `foundry` returns makes the workers; `serve_tool` answers `tool.call`.

        Those of a trusted program are confined as `tier` and `limits` say, those of a sandboxed one as itself.
        """
        self._foundry = foundry
        self._tier = tier
        self._limits = limits
        self._serve_tool = serve_tool
        self._lent: dict[int, _Lent] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<LentInterpreters open={self.open_count}>"

    @property
    def open_count(self) -> int:
        """How many are open."""
        return len(self._lent)

    @property
    def handlers(self) -> dict[ReverseCommand, AskHandler]:
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
        if sum(lent.call is call for lent in list(self._lent.values())) >= MOST_OPEN:
            raise FaultError.of(FaultKind.UNAVAILABLE, f"this call has {MOST_OPEN} interpreters open")
        order = call.options.sandbox
        tier = self._tier if order is None else Tier(order.kind.plan.tier)
        limits = self._limits if order is None else order.limits
        try:
            kernel = self._foundry().start(tier, limits)
            python = kernel.boot()
        except (OSError, DspashError, KernelFailedError) as error:
            problem = f"an interpreter could not be started: {error}"
            raise FaultError(Fault(FaultKind.UNAVAILABLE, problem)) from error
        lent = _Lent(next(self._numbers), call, kernel, limits)
        with self._lock:
            self._lent[lent.number] = lent
        call.attendants.join(kernel)
        call.future.add_done_callback(lambda _ended: self._end(lent))
        return {"interpreter": lent.number, "python": python}

    def execute(self, ask: Ask) -> dict[str, Any]:
        """Answer `interpreter.execute`, with an item event for each tool of the program that the code calls."""
        lent = self._of(ask)
        try:
            cell = Cell.from_map(ask.args)
        except InvalidPayloadError as error:
            raise _unfit(error) from None
        if not lent.executing.acquire(blocking=False):
            raise FaultError.of(FaultKind.INVALID_REQUEST, "this interpreter is executing")
        runner = ToolRunner(functools.partial(self._run_tool, lent, ask))
        times = TimeLimits(
            wall_s=lent.limits.wall_s,
            total_s=lent.limits.total_s,
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
        has_failed = "error" in ask.args
        fields = Fields(dict(ask.args))
        try:
            number, told = fields.count("ask"), fields.text("error" if has_failed else "value")
        except InvalidPayloadError as error:
            raise _unfit(error) from None
        waiting = lent.asked.pop(number, None)
        if waiting is None or not waiting.set_running_or_notify_cancel():
            raise FaultError.of(FaultKind.NOT_FOUND, "nobody waits for that answer")
        if has_failed:
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

    # --- tools, in the thread that executes or beside it ---

    def _run_tool(self, lent: _Lent, ask: Ask, wanted: ToolAsk) -> str:
        """Have a tool run for the code, by the host or by the program, and return its value as a JSON text."""
        if wanted.name == ASK_HOST:
            return write_value(self._run_host_tool(ask, lent, wanted))
        number = next(lent.numbers)
        waiting: Future[str] = Future()
        lent.asked[number] = waiting
        try:
            told = {"ask": number, "name": wanted.name, "arguments": wanted.arguments, "alone": wanted.alone}
            ask.item(told)
            return waiting.result(max(0.0, ask.remaining_s()))
        except TimeoutError:
            raise FaultError.of(FaultKind.TIMEOUT, "the program has not answered in time") from None
        finally:
            lent.asked.pop(number, None)

    def _run_host_tool(self, ask: Ask, lent: _Lent, wanted: ToolAsk) -> Any:
        """Serve `ask_host(name, arguments)` as if the program had called the tool: as granted, and as counted."""
        (name, arguments) = _read_host_call(wanted.arguments)
        args = {"call": ask.args.get("call"), "name": name, "args": arguments}
        call = lent.call
        asked = Ask(ask.worker, Request(_NO_REQUEST, ReverseCommand.TOOL_CALL, args), call)
        asked.begin()
        order = call.options.sandbox
        if order is not None:
            most = order.limits.tool_calls
            if most is not None and call.account.tool_calls > most:
                raise FaultError.of(FaultKind.UNAVAILABLE, f"this call has used its {most} tool calls")
            order.grants.admit(asked)
        try:
            return self._serve_tool(asked)
        finally:
            asked.end()

    def _end(self, lent: _Lent) -> None:
        """End an interpreter, and whoever waits in it. From any thread; does not wait."""
        with self._lock:
            if self._lent.pop(lent.number, None) is None:
                return
        for waiting in list(lent.asked.values()):
            waiting.cancel()
        lent.call.attendants.leave(lent.kernel)
        self._foundry().bury(lent.kernel)


def _read_host_call(arguments: str) -> tuple[str, dict[str, Any]]:
    args, kwargs = read_arguments(arguments)
    given: dict[str, Any] = dict(zip(("name", "arguments"), args, strict=False)) | kwargs
    name, named = given.get("name"), given.get("arguments")
    if not isinstance(name, str) or not isinstance(named, dict):
        raise ValueError("ask_host takes the name of a tool and a map of its arguments")
    return name, named  # pyright: ignore[reportUnknownVariableType]


def _unfit(error: InvalidPayloadError) -> FaultError:
    return FaultError.of(FaultKind.INVALID_INPUT, error.problem, path=error.path)
