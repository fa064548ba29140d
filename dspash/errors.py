"""Errors: the one tree of everything dspash raises.

Two families, by whose situation it is: a BridgeError says what became of the call or its worker, a
WorkerFaultError is what the worker itself answered. Each class ends with the caller's move: fix, wait, retry,
or report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import CancelledError
from typing import Any, ClassVar, Final, Protocol

from dspash.usage import Isolation, Usage
from dspash_protocol.faults import FaultKind, Progress

__all__ = [
    "BridgeError",
    "CallCancelledError",
    "CallTimeoutError",
    "ClosedError",
    "CodeExecutionError",
    "CodeInterpreterError",
    "ConfigurationError",
    "DspashError",
    "ExitLike",
    "FrameTooLargeError",
    "InternalWorkerError",
    "InvalidInputError",
    "InvalidRequestError",
    "LMCallError",
    "LimitExceededError",
    "NotFoundError",
    "OverloadedError",
    "ProgramError",
    "ReentrancyError",
    "ReportLike",
    "SandboxUnavailableError",
    "SupervisorGaveUpError",
    "ToolCallError",
    "UnavailableError",
    "UnknownCommandError",
    "UnserialisableError",
    "WorkerFaultError",
    "WorkerLostError",
]

_REPR_LIMIT: Final = 120  # characters of one attribute: a repr ends up in log lines


class ExitLike(Protocol):
    """Why a process ended, as far as an error needs it; in practice an ExitReason of dspash.supervision."""

    def describe(self) -> str:
        """A verb phrase whose subject is the worker: `was killed by SIGSEGV`."""
        ...


class ReportLike(Protocol):
    """Why a supervisor gave up, as far as an error needs it; in practice the CrashReport there."""

    def summary(self) -> str:
        """One line: which child, what happened, which limit was passed."""
        ...

    def render(self) -> str:
        """The whole report as text of several lines."""
        ...


class DspashError(Exception):
    """Anything dspash raises; `str()` is one line with the way out, details are attributes.

    `retryable` means that making the same call again is safe and may succeed. `usage` and `isolation` are those of the
    call that it ended, where one was sent. Pickles and copies keep every attribute. Catch a subclass to act; catch this
    one at the edge of an application, to report it.
    """

    usage: Usage | None = None
    isolation: Isolation | None = None

    def __init__(self, summary: str, *, retryable: bool = False) -> None:
        self.retryable = retryable
        super().__init__(" ".join(line.strip() for line in summary.splitlines()))

    def __repr__(self) -> str:
        known = [f"{name}={_shortened(value)}" for name, value in vars(self).items() if name != "__notes__"]
        return f"{type(self).__name__}({', '.join(known)})"

    def __reduce__(self) -> tuple[Any, ...]:
        # The inherited form calls cls(*args), which keyword-only constructors refuse.
        return _restored, (type(self), self.args, dict(vars(self)))


class ConfigurationError(DspashError):
    """An argument or setting is wrong: `path` names it, `problem` says why, `way_out` what to do. Fix it."""

    def __init__(self, path: str, problem: str, way_out: str) -> None:
        self.path = path
        self.problem = problem
        self.way_out = way_out
        super().__init__(f"{path}: {problem}; {way_out}")


class SandboxUnavailableError(DspashError):
    """This machine cannot confine a worker as asked; nothing weaker is used in its place.

    `tier` is what was asked for, `probe` the check that failed, `cause` what it met, `way_out` the remedy on this system.
    Apply that remedy, or ask for another tier.
    """

    def __init__(self, *, tier: str, probe: str, cause: str, way_out: str) -> None:
        self.tier = tier
        self.probe = probe
        self.cause = cause
        self.way_out = way_out
        super().__init__(f"sandbox {tier!r} is not available here: {probe}: {cause}; {way_out}")


class BridgeError(DspashError):
    """A call ended without an answer from the worker. See the subclass for the move."""


class WorkerLostError(BridgeError):
    """The worker ended before it replied; `progress` says how far the call got.

    `generation` counts the processes behind one child id, `stderr_tail` holds the last lines it wrote,
    `request` the command that was in flight. The worker is replaced by itself. Retry is safe unless the call
    reached side_effects.
    """

    def __init__(
        self,
        *,
        generation: int,
        exit: ExitLike,
        progress: Progress,
        stderr_tail: str = "",
        request: str | None = None,
    ) -> None:
        self.generation = generation
        self.exit = exit
        self.progress = progress
        self.stderr_tail = stderr_tail
        self.request = request
        lost = f"while {request!r} was in flight" if request else "before it replied"
        super().__init__(
            f"worker generation {generation} {exit.describe()} {lost}; {_repeat_advice(progress)}",
            retryable=_is_repeatable(progress),
        )


class CallTimeoutError(BridgeError):
    """The call's deadline passed; `timeout_s` is what it was given.

    Give it more time. Retry is safe unless it reached side_effects.
    """

    def __init__(self, *, timeout_s: float, progress: Progress) -> None:
        self.timeout_s = timeout_s
        self.progress = progress
        super().__init__(
            f"no answer within {timeout_s:g} s; {_repeat_advice(progress)}; give it a longer timeout_s",
            retryable=_is_repeatable(progress),
        )


class CallCancelledError(BridgeError, CancelledError):
    """The call was cancelled before it ended; `reason` is the canceller's.

    It is also the `concurrent.futures.CancelledError` that code which waits for futures looks for. Retry is safe unless
    it reached side_effects.
    """

    def __init__(self, *, reason: str, progress: Progress) -> None:
        self.reason = reason
        self.progress = progress
        super().__init__(
            f"cancelled: {reason}; {_repeat_advice(progress)}", retryable=_is_repeatable(progress)
        )


class OverloadedError(BridgeError):
    """The queue is full: `queued` calls wait, `limit` is the most. Wait, then retry: nothing was sent."""

    def __init__(self, *, queued: int, limit: int) -> None:
        self.queued = queued
        self.limit = limit
        super().__init__(
            f"{queued} calls are queued and the limit is {limit}; retry later, or open with more workers"
            " or a longer queue",
            retryable=True,
        )


class LimitExceededError(BridgeError):
    """A call went past a limit of its own and was ended; nothing else was.

    `limit` names it (`memory`, `cpu`, `wall` …), `setting` is the field of `Limits` that sets it, empty where none does.
    `used` and `allowed` are in the `unit` of that field; `used` is None where only the system knows how much it was.
    Fix the program, or allow it more. Retry is safe unless it reached side_effects.
    """

    def __init__(
        self,
        *,
        limit: str,
        used: float | None,
        allowed: float,
        unit: str = "",
        setting: str = "",
        progress: Progress = Progress.STARTED,
    ) -> None:
        self.limit = limit
        self.used = used
        self.allowed = allowed
        self.unit = unit
        self.setting = setting
        self.progress = progress
        of = f" {unit}" if unit else ""
        reached = "all" if used is None else f"{used:.4g}{of}"
        way_out = f"fix the program or allow more with Limits({setting}=…)" if setting else "fix the program"
        super().__init__(
            f"the call was ended by its {limit} limit: it used {reached} of {allowed:.4g}{of};"
            f" {way_out}; {_repeat_advice(progress)}"
        )


class SupervisorGaveUpError(BridgeError):
    """A child crashed more often than its supervisor tolerates, so no call will be served.

    `report.render()` shows the real cause. Fix that cause, then open a new app.
    """

    def __init__(self, report: ReportLike) -> None:
        self.report = report
        super().__init__(f"{report.summary()}; fix the cause (see .report.render()) and open again")


class ClosedError(BridgeError):
    """We closed it ourselves: `what` (an app, a pool, a worker) takes no more calls.

    Fix the order of use, or open a new one.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the {what} is closed; open a new one")


class CodeInterpreterError(DspashError):
    """An interpreter failed in a way that the code it runs cannot mend: it ended, or was asked for what cannot be.

    `stderr_tail` is the last that its process wrote, if that was lost. Where the host has loaded DSPy it is DSPy's error
    of this name as well. Retry with a new interpreter: its names are gone.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.stderr_tail = ""

    def __str__(self) -> str:
        return self.message  # whole: a model reads it, and the lines of a trace mean something to it

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (_own_class_of(self), self.args, dict(vars(self)))


class CodeExecutionError(CodeInterpreterError):
    """The code raised; `str()` says what, and in which line. The interpreter goes on. Fix the code."""


class FrameTooLargeError(BridgeError):
    """A message is longer than the other side takes; `size` and `limit` in bytes.

    Fix it: send less, or raise the limit.
    """

    def __init__(self, *, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"a message of {size} bytes is over the limit of {limit}; send less or raise the frame limit"
        )


class ReentrancyError(BridgeError):
    """Something was waited for where waiting would stop it: `call` in a callback of the thread that delivers it.

    Fix: do as `instead` says.
    """

    def __init__(self, *, call: str, instead: str) -> None:
        self.call = call
        self.instead = instead
        super().__init__(f"{call} would wait for itself; {instead}")


class WorkerFaultError(DspashError):
    """The worker answered with a fault. One subclass for each kind that is not about the call's time or size.

    `message` is the worker's own text, `type` the exception's class name there (may be empty), `progress` how
    far the request got, `details` the fault's own facts, `traceback` the frames in the user's program (no
    host paths), if any. Raised as one of the subclasses only, which say the move.
    """

    kind: ClassVar[FaultKind]
    way_out: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        type: str = "",
        retryable: bool = False,
        progress: Progress = Progress.STARTED,
        details: Mapping[str, Any] | None = None,
        traceback: str | None = None,
    ) -> None:
        self.message = message
        self.type = type
        self.progress = progress
        self.details: dict[str, Any] = dict(details or {})
        self.traceback = traceback
        place = self._place()
        where = f"{place}: " if place and place not in message else ""
        super().__init__(f"{where}{message}; {self.way_out}", retryable=retryable)

    @property
    def path(self) -> str:
        """Where in the arguments or the result, such as `$.inputs.question`; empty if nowhere there."""
        return self._text("path")

    def _place(self) -> str:
        """What the message should name; put before it when it does not."""
        return self.path

    def _text(self, key: str) -> str:
        """A detail that should be text; empty if it is missing, or not text (workers may be hostile)."""
        found = self.details.get(key)
        return found if isinstance(found, str) else ""


class InvalidRequestError(WorkerFaultError):
    """The message itself was malformed or out of place.

    Fix the command's arguments; report it if they were not yours.
    """

    kind = FaultKind.INVALID_REQUEST
    way_out = "fix the request's arguments"


class UnknownCommandError(WorkerFaultError):
    """The worker knows no such command. Fix the command's name."""

    kind = FaultKind.UNKNOWN_COMMAND
    way_out = "use one of the commands the worker names in its hello"


class NotFoundError(WorkerFaultError):
    """No module, program or alias of that name exists in the session. Fix the name, or create it first."""

    kind = FaultKind.NOT_FOUND
    way_out = "create it first, or fix its name"


class InvalidInputError(WorkerFaultError):
    """An argument does not fit; `path` says where in the arguments. Fix that value."""

    kind = FaultKind.INVALID_INPUT
    way_out = "fix that value"


class ProgramError(WorkerFaultError):
    """The user's program, source or metric raised `type`; `traceback` shows its frames. Fix the program."""

    kind = FaultKind.PROGRAM_ERROR
    way_out = "fix the program (.traceback shows where)"

    def _place(self) -> str:
        return self.type


class LMCallError(WorkerFaultError):
    """A language model call failed inside the request; `code` says how.

    Wait `retry_after_s` and retry when `retryable`, else fix the model's name, key or limits.
    """

    kind = FaultKind.LM_ERROR
    way_out = "retry later if .retryable, else check the model's name, key and limits"

    def _place(self) -> str:
        return self.code

    @property
    def code(self) -> str:
        """The provider-neutral error code, such as `rate_limit`; empty when unknown."""
        return self._text("code")

    @property
    def retry_after_s(self) -> float | None:
        """How long the provider asks to wait, in seconds; None when it does not say."""
        found = self.details.get("retry_after")
        if not isinstance(found, (int, float)) or isinstance(found, bool) or not 0 <= found < math.inf:
            return None
        return float(found)


class ToolCallError(WorkerFaultError):
    """A host tool raised while the program was using it; `tool` names it. Fix the tool, or what calls it."""

    kind = FaultKind.TOOL_ERROR
    way_out = "fix the tool, or the arguments the program gives it"

    def _place(self) -> str:
        return self.tool

    @property
    def tool(self) -> str:
        """The tool's name; empty when the worker did not say."""
        return self._text("tool")


class UnserialisableError(WorkerFaultError):
    """The request succeeded but its result cannot travel; `path` says which part.

    Fix the program to return plain values there.
    """

    kind = FaultKind.UNSERIALISABLE
    way_out = "return JSON values, bytes or DSPy types there"


class UnavailableError(WorkerFaultError):
    """The worker is shutting down, overloaded, or does not offer this. Wait, then retry when `retryable`."""

    kind = FaultKind.UNAVAILABLE
    way_out = "retry later if .retryable"


class InternalWorkerError(WorkerFaultError):
    """A defect of dspash itself showed in the worker. Report it, with `traceback`."""

    kind = FaultKind.INTERNAL
    way_out = "please report this"


def _is_repeatable(progress: Progress) -> bool:
    return progress is not Progress.SIDE_EFFECTS


def _repeat_advice(progress: Progress) -> str:
    if _is_repeatable(progress):
        return f"the call got as far as {progress}, so repeating it is safe"
    return "an LM call or a tool had run, so repeating the call may pay or act twice"


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _REPR_LIMIT else f"{text[: _REPR_LIMIT - 1]}…"


def _own_class_of(error: CodeInterpreterError) -> type[CodeInterpreterError]:
    """The class of this module: where DSPy is loaded an error's own class exists in that process only."""
    return CodeExecutionError if isinstance(error, CodeExecutionError) else CodeInterpreterError


def _restored(cls: type[DspashError], args: tuple[Any, ...], attributes: Mapping[str, Any]) -> DspashError:
    error = cls.__new__(cls, *args)
    vars(error).update(attributes)
    return error
