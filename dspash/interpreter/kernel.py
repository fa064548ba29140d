"""Kernel: one interpreter worker as the host sees it: what it may say, and nothing else.

The worker runs code that nobody trusts. It is asked one thing at a time; an answer counts only if it is the answer to
that, and whatever else it says ends it: forged or repeated answers, tool calls of no execution or of an id already seen,
words between two executions, frames over the limit.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Self, cast

from dspash.bridge.forked import ForkedProcess
from dspash.bridge.process import Process
from dspash.interpreter.link import BrokenLinkError, Link, LinkLostError, LinkTimeoutError
from dspash.interpreter.printed import Printed, TooMuchPrintedError
from dspash.interpreter.time_limits import TimeIsUp, TimeLimits
from dspash.interpreter.tool_runner import ToolReply, ToolRunner
from dspash.sandbox import Limits
from dspash_protocol import (
    PROTOCOL_VERSION,
    Command,
    Defect,
    ErrorReply,
    FrameTooLargeError,
    InvalidPayloadError,
    LocalProtocolError,
    Notice,
    NoticeName,
    Received,
    Request,
    Result,
    ReverseCommand,
)
from dspash_protocol.fields import Fields
from dspash_protocol.interpreter import Outcome, OutcomeKind, ToolAsk

__all__ = ["Kernel", "KernelFailedError", "KernelLimits"]

BOOT_S: Final = 30.0
"""How long a worker may take to answer for the first time: an interpreter that starts cold, on a busy machine."""
MIB: Final = 1 << 20
LEAVING_S: Final = 1.0  # from the end of its pipe, or SIGKILL, to the end of the process


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelLimits:
    """What a worker may send. Sizes in bytes; `frames` and `tool_calls` are those of one execution."""

    frame_bytes: int
    printed_bytes: int
    output_bytes: int
    frames: int
    tool_calls: int | None

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """Those of one worker that may use `limits`. Output leaves room for the value beside it in one message."""
        return cls(
            frame_bytes=limits.frame_bytes,
            printed_bytes=limits.output_mb * MIB,
            output_bytes=min(limits.output_mb * MIB, limits.frame_bytes // 2),
            frames=limits.frames + (limits.tool_calls or 0),
            tool_calls=limits.tool_calls,
        )


class KernelFailedError(Exception):
    """The worker is of no use any more, and was ended; `time_is_up` when it was for want of time."""

    def __init__(self, reason: str, time_is_up: TimeIsUp | None = None) -> None:
        super().__init__(reason)
        self.time_is_up = time_is_up


class _MisbehavedError(Exception):
    """The worker said what it may not."""


@dataclass(slots=True)
class _Turn:
    """One execution: what was asked, which tools may be called in it, and what came so far."""

    request_id: int
    tools: Collection[str]
    runner: ToolRunner
    times: TimeLimits
    aside: bool  # whether tools always run in threads of their own
    frames: int = 0
    tool_calls: int = 0
    running: set[int] = field(default_factory=set[int])  # tool calls that have no answer yet


class Kernel:
    """Owns one worker from its start to its end. One thread at a time executes; any may end it."""

    def __init__(
        self,
        process: Process | ForkedProcess,
        sock: socket.socket,
        limits: KernelLimits,
        *,
        layers: Collection[str] = (),
        release: Callable[[Process | ForkedProcess], None],
    ) -> None:
        """`layers` are those it must say it is confined by; `release` lets go of a process that has ended."""
        self._process = process
        self._layers = frozenset(layers)
        self._release = release
        self._limits = limits
        self._printed = Printed(process.stderr.fileno(), limit_bytes=limits.printed_bytes)
        self._link = Link(process, sock, max_frame=limits.frame_bytes, printed=self._printed)
        self._last_id = 0
        self._last_asked = 0  # the worker's ids count down from -1
        self.layers: frozenset[str] = frozenset()  # that it says it is confined by, once it was greeted
        self.stderr_tail = ""  # what it wrote last, once it is lost
        self._interrupted: BaseException | None = None
        self._ending = threading.Lock()
        self._ended = False

    def __repr__(self) -> str:
        return f"<Kernel {self._process!r}>"

    @property
    def pid(self) -> int:
        """The worker's process."""
        return self._process.pid

    def boot(self) -> str:
        """Greet the worker and open its interpreter; return the version of its Python. Raises KernelFailedError."""
        hello = {"protocol": PROTOCOL_VERSION, "heartbeat_s": 0, "max_frame": self._limits.frame_bytes}
        times = TimeLimits(wall_s=BOOT_S, total_s=BOOT_S, timeout_s=None)
        with self._failing(times):
            greeting = _fields_of(self._ask(Command.HELLO, hello, times))
            self._link.session.peer_max_frame = greeting.count("max_frame")
            self._await_ready(times)
            opened = self._ask(Command.INTERPRETER_OPEN, {"output_bytes": self._limits.output_bytes}, times)
            return _fields_of(opened).text("python")

    def execute(
        self,
        cell: Mapping[str, Any],
        *,
        tools: Collection[str],
        runner: ToolRunner,
        times: TimeLimits,
        aside: bool,
    ) -> Outcome:
        """Run a cell (the wire form of one). With `aside` no tool runs in this thread, so that time is kept exactly.

        Raises FrameTooLargeError when the cell cannot be sent, and nothing has changed then; KernelFailedError; and
        what is no Exception as a tool raised it, which has ended the worker.
        """
        with self._failing(times):
            if self._link.has_spoken():
                raise _MisbehavedError("it spoke between two executions")
            turn = _Turn(self._send(Command.INTERPRETER_EXECUTE, cell, times), tools, runner, times, aside)
            outcome = self._hear(turn)
            printed = self._printed.take()
        if outcome.kind is OutcomeKind.BROKEN:
            self.end()
            raise KernelFailedError(outcome.error)
        if not printed:
            return outcome
        output = f"{outcome.output}\n{printed}" if outcome.output else printed
        return Outcome(outcome.kind, outcome.value, output, outcome.error)

    def kill(self) -> None:
        """Kill the worker, now and without waiting. Its `end` is still due."""
        self._process.kill()

    def end(self) -> None:
        """Kill the worker and let go of everything. Takes a few ms, a second at most. Idempotent."""
        self._process.kill()
        with self._ending:
            if self._ended:
                return
            self._ended = True
            self._process.wait(LEAVING_S)
            self._process.sweep()
            self._link.close()
            self._release(self._process)

    def let_go(self) -> None:
        """Close our descriptors and nothing else: this is a fork of the process that owns the worker."""
        with self._ending:
            if not self._ended:
                self._ended = True
                self._link.close()
                self._process.close()

    # --- one turn ---

    def _hear(self, turn: _Turn) -> Outcome:
        while True:
            received = self._receive(turn.times)
            turn.frames += 1
            if turn.frames > self._limits.frames:
                raise _MisbehavedError(f"it sent more than {self._limits.frames} messages in one execution")
            match received:
                case Result(id=turn.request_id, result=value):
                    return self._read_outcome(turn, value)
                case ErrorReply(id=turn.request_id, fault=fault):
                    raise _MisbehavedError(f"it refuses to execute: {fault.message:.200}")
                case Request(command=ReverseCommand.INTERPRETER_TOOL):
                    self._serve(turn, received)
                case _:
                    raise _MisbehavedError(f"it said {_shown(received)} while it was asked to execute")

    def _read_outcome(self, turn: _Turn, value: Any) -> Outcome:
        outcome = Outcome.from_map(cast("dict[str, Any]", value) if isinstance(value, dict) else {})
        if turn.running and outcome.kind is not OutcomeKind.BROKEN:
            raise _MisbehavedError("it answered while tools that it had called were running")
        return outcome

    def _serve(self, turn: _Turn, request: Request) -> None:
        """Have a tool run, and its answer sent."""
        if request.id >= self._last_asked:
            raise _MisbehavedError(f"its request {request.id} repeats an id: the last was {self._last_asked}")
        self._last_asked = request.id
        ask = ToolAsk.from_map(request.args)
        if ask.call != turn.request_id:
            raise _MisbehavedError(f"it called a tool for request {ask.call} while {turn.request_id} ran")
        if ask.name not in turn.tools:
            raise _MisbehavedError(f"it called {ask.name!r:.80}, which was not offered")
        turn.tool_calls += 1
        if self._limits.tool_calls is not None and turn.tool_calls > self._limits.tool_calls:
            raise _MisbehavedError(
                f"it called tools more than {self._limits.tool_calls} times in one execution"
            )
        if ask.alone and not turn.aside:
            with turn.times.tool_running():
                reply = turn.runner.run(request.id, ask)
            self._answer(turn, reply)
        else:
            self._serve_aside(turn, request.id, ask)

    def _serve_aside(self, turn: _Turn, request_id: int, ask: ToolAsk) -> None:
        running = turn.times.tool_running()
        running.__enter__()
        turn.running.add(request_id)

        def answer(reply: ToolReply) -> None:
            turn.running.discard(
                request_id
            )  # first: the worker may end the turn as soon as it has the answer
            running.__exit__(None, None, None)
            try:
                self._answer(turn, reply)
            except (LinkTimeoutError, LinkLostError, LocalProtocolError):
                self._process.kill()  # which whoever waits for the worker will see

        def interrupt(error: BaseException) -> None:
            self._interrupted = error
            self._process.kill()

        if not turn.runner.start(request_id, ask, answer, interrupt):
            raise _MisbehavedError("it called more tools at once than there are threads for")

    def _answer(self, turn: _Turn, reply: ToolReply) -> None:
        try:
            self._link.send(reply, until=turn.times.until())
        except FrameTooLargeError as error:
            self._link.send(ToolRunner.too_large(reply.id, error), until=turn.times.until())

    # --- messages ---

    def _ask(self, command: Command, args: Mapping[str, Any], times: TimeLimits) -> Any:
        """Send a request and wait for its result."""
        request_id = self._send(command, args, times)
        match self._receive(times):
            case Result(id=answered, result=value) if answered == request_id:
                return value
            case other:
                raise _MisbehavedError(f"it said {_shown(other)} when it was asked to {command}")

    def _await_ready(self, times: TimeLimits) -> None:
        """Wait until the worker says that it is ready, and confined as it must be."""
        ready = self._receive(times)
        if not isinstance(ready, Notice) or ready.name != NoticeName.READY:
            raise _MisbehavedError(f"it said {_shown(ready)} in place of being ready")
        told = Fields(dict(ready.data)).texts("layers")
        missing = self._layers.difference(told)
        if missing:
            raise _MisbehavedError(f"it did not apply {', '.join(sorted(missing))}")
        self.layers = frozenset(told)

    def _send(self, command: Command, args: Mapping[str, Any], times: TimeLimits) -> int:
        self._last_id += 1
        self._link.send(Request(self._last_id, command, args), until=times.until())
        return self._last_id

    def _receive(self, times: TimeLimits) -> Received:
        while True:
            try:
                return self._link.receive(until=times.until())
            except LinkTimeoutError:
                if times.passed() is not None:  # a tool may have begun or ended in the meantime
                    raise

    # --- failing ---

    @contextmanager
    def _failing(self, times: TimeLimits) -> Generator[None]:
        """Whatever goes wrong inside ends the worker, and says why."""
        try:
            yield
        except FrameTooLargeError:
            raise  # of ours, and not sent
        except LinkLostError:
            self._fail(self._end_of_worker())
        except LinkTimeoutError:
            time_is_up = times.passed() or TimeIsUp("total", 0.0)
            self._fail(f"it exceeded its {time_is_up.limit} limit of {time_is_up.allowed_s:g} s", time_is_up)
        except InvalidPayloadError as error:
            self._fail(f"it said what makes no sense: {error}")
        except (_MisbehavedError, BrokenLinkError, TooMuchPrintedError, LocalProtocolError) as error:
            self._fail(str(error))
        except BaseException:
            self.end()
            raise

    def _fail(self, reason: str, time_is_up: TimeIsUp | None = None) -> NoReturn:
        self.end()
        if (interrupted := self._interrupted) is not None:
            raise interrupted
        raise KernelFailedError(reason, time_is_up) from None

    def _end_of_worker(self) -> str:
        end = self._process.wait(LEAVING_S)
        self.stderr_tail = self._printed.last()
        return f"it {end.describe() if end is not None else 'closed its pipe'}"


def _fields_of(answer: Any) -> Fields:
    return Fields(cast("dict[str, Any]", answer) if isinstance(answer, dict) else {})


def _shown(received: Received) -> str:
    if isinstance(received, Defect):
        return f"what makes no sense ({received.fault.message})"
    kind = type(received).__name__.lower()
    about = getattr(received, "id", None) or getattr(received, "name", "")
    return f"{kind} {about}".strip()
