"""Kernel: one interpreter worker as the host sees it: what it may say, and nothing else.

The worker runs code that nobody trusts. It is asked one thing at a time; an answer counts only if it is the answer to
that, and whatever else it says ends it: forged or repeated answers, tool calls of no execution or of an id already seen,
words between two executions, frames over the limit.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, cast

from dspash.bridge.call import Measured
from dspash.bridge.evidence import overrun_behind
from dspash.bridge.forked import ForkedProcess
from dspash.bridge.gauge import Gauge
from dspash.bridge.overrun import Limit, LimitOverrun, Overrun
from dspash.bridge.process import Process
from dspash.errors import WorkerLostError
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
    Progress,
    Received,
    Request,
    Result,
    ReverseCommand,
)
from dspash_protocol.fields import Fields
from dspash_protocol.interpreter import Outcome, OutcomeKind, ToolAsk

__all__ = ["Kernel", "KernelFailedError"]

BOOT_S: Final = 30.0
"""How long a worker may take to answer for the first time: an interpreter that starts cold, on a busy machine."""
MIB: Final = 1 << 20
LOOK_S: Final = 0.25  # between looks at what a worker uses
LEAVING_S: Final = 1.0  # from the end of its pipe, or SIGKILL, to the end of the process


class KernelFailedError(Exception):
    """The worker is of no use any more, and was ended; `overrun` is the limit that it went past, if it did."""

    def __init__(self, reason: str, overrun: Overrun | None = None) -> None:
        super().__init__(reason)
        self.overrun = overrun


class _MisbehavedError(Exception):
    """The worker said what it may not, or more than it may."""

    def __init__(self, reason: str, overrun: Overrun | None = None) -> None:
        super().__init__(reason)
        self.overrun = overrun


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
        limits: Limits,
        *,
        layers: Collection[str] = (),
        release: Callable[[Process | ForkedProcess], None],
    ) -> None:
        """`layers` are those it must say it is confined by; `release` lets go of a process that has ended."""
        self._process = process
        self._layers = frozenset(layers)
        self._release = release
        self._limits = limits
        self._gauge = Gauge(process)
        self._printed = Printed(process.stderr.fileno(), limit_bytes=limits.output_mb * MIB)
        self._link = Link(process, sock, max_frame=limits.frame_bytes, printed=self._printed)
        self._last_id = 0
        self._last_asked = 0  # the worker's ids count down from -1
        self.layers: frozenset[str] = frozenset()  # that it says it is confined by, once it was greeted
        self.stderr_tail = ""  # what it wrote last, once it is lost
        self._cpu_before_s = 0.0
        self._interrupted: BaseException | None = None
        self._ending = threading.Lock()
        self._ended = False

    def __repr__(self) -> str:
        return f"<Kernel {self._process!r}>"

    @property
    def pid(self) -> int:
        """The worker's process."""
        return self._process.pid

    @property
    def gauge(self) -> Gauge:
        """What tells how much the worker uses."""
        return self._gauge

    def cpu_s(self) -> float:
        """CPU seconds that the worker has used in its life, as far as the system tells."""
        told = self._process.cpu_s
        return (self._gauge.cpu_s() or 0.0) if told is None else told

    def boot(self) -> str:
        """Greet the worker and open its interpreter; return the version of its Python. Raises KernelFailedError."""
        hello = {"protocol": PROTOCOL_VERSION, "heartbeat_s": 0, "max_frame": self._limits.frame_bytes}
        times = TimeLimits(wall_s=BOOT_S, total_s=BOOT_S, timeout_s=None)
        with self._failing(times):
            greeting = _fields_of(self._ask(Command.HELLO, hello, times))
            self._link.session.peer_max_frame = greeting.count("max_frame")
            self._await_ready(times)
            # Half a message for what is printed: there is to be room for the value beside it.
            output_bytes = min(self._limits.output_mb * MIB, self._limits.frame_bytes // 2)
            opened = self._ask(Command.INTERPRETER_OPEN, {"output_bytes": output_bytes}, times)
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
        self._cpu_before_s = self._gauge.cpu_s() or 0.0
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
            most = self._limits.frames + turn.tool_calls
            if turn.frames > most:
                overrun = Overrun(Limit.FRAMES, turn.frames, self._limits.frames)
                raise _MisbehavedError(f"it sent more than {most} messages in one execution", overrun)
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
        most = self._limits.tool_calls
        if most is not None and turn.tool_calls > most:
            overrun = Overrun(Limit.TOOL_CALLS, turn.tool_calls, most)
            raise _MisbehavedError(f"it called tools more than {most} times in one execution", overrun)
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
            # First: the worker may end the turn as soon as it has the answer.
            turn.running.discard(request_id)
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
        """Wait for the next message, and look now and then at what the worker uses meanwhile."""
        while True:
            try:
                return self._link.receive(until=min(times.until(), time.monotonic() + LOOK_S))
            except LinkTimeoutError:
                if times.passed() is not None:
                    raise
                self._look()

    def _look(self) -> None:
        limits = self._limits
        cpu_s = (self._gauge.cpu_s() or 0.0) - self._cpu_before_s
        if cpu_s >= limits.cpu_s:
            raise _MisbehavedError("it used too much CPU time", Overrun(Limit.CPU, cpu_s, limits.cpu_s))
        resident = self._gauge.resident_bytes() or 0
        if resident > limits.memory_mb * MIB:
            own = self._gauge.proportional_bytes() or resident
            if own > limits.memory_mb * MIB:
                overrun = Overrun(Limit.MEMORY, own / MIB, limits.memory_mb)
                raise _MisbehavedError("it used too much memory", overrun)

    # --- failing ---

    @contextmanager
    def _failing(self, times: TimeLimits) -> Generator[None]:
        """Whatever goes wrong inside ends the worker, and says why."""
        try:
            yield
        except FrameTooLargeError:
            raise  # of ours, and not sent
        except LinkLostError:
            self._fail(*self._end_of_worker())
        except LinkTimeoutError:
            self._fail(*_time_is_up(times.passed()))
        except InvalidPayloadError as error:
            self._fail(f"it said what makes no sense: {error}")
        except TooMuchPrintedError as error:
            self._fail(str(error), Overrun(Limit.OUTPUT, error.size / MIB, self._limits.output_mb))
        except _MisbehavedError as error:
            self._fail(str(error), error.overrun)
        except LimitOverrun as error:
            self._fail("reading what it says takes too much of its host's time", error.overrun)
        except (BrokenLinkError, LocalProtocolError) as error:
            self._fail(str(error))
        except BaseException:
            self.end()
            raise

    def _fail(self, reason: str, overrun: Overrun | None = None) -> NoReturn:
        self.end()
        if (interrupted := self._interrupted) is not None:
            raise interrupted
        raise KernelFailedError(reason, overrun) from None

    def _end_of_worker(self) -> tuple[str, Overrun | None]:
        end = self._process.wait(LEAVING_S)
        self.stderr_tail = self._printed.last()
        if end is None:
            return "it closed its pipe", None
        lost = WorkerLostError(generation=1, exit=end, progress=Progress.STARTED)
        measured = Measured(cpu_s=getattr(self._process, "cpu_s", None))
        return f"it {end.describe()}", overrun_behind(lost, self._limits, measured)


def _time_is_up(passed: TimeIsUp | None) -> tuple[str, Overrun | None]:
    passed = passed or TimeIsUp("total", 0.0)
    overrun = None if passed.limit not in _TIMES else Overrun(_TIMES[passed.limit], None, passed.allowed_s)
    return f"it exceeded its {passed.limit} limit of {passed.allowed_s:g} s", overrun


_TIMES: Final = {"wall": Limit.WALL, "total": Limit.TOTAL}


def _fields_of(answer: Any) -> Fields:
    return Fields(cast("dict[str, Any]", answer) if isinstance(answer, dict) else {})


def _shown(received: Received) -> str:
    if isinstance(received, Defect):
        return f"what makes no sense ({received.fault.message})"
    kind = type(received).__name__.lower()
    about = getattr(received, "id", None) or getattr(received, "name", "")
    return f"{kind} {about}".strip()
