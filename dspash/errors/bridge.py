"""Bridge errors: calls that ended without an answer from the worker."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import Protocol

from dspash.errors.dspash_error import DspashError
from dspash_protocol.faults import Progress

__all__ = [
    "BridgeError",
    "CallCancelledError",
    "CallTimeoutError",
    "ClosedError",
    "ExitLike",
    "FrameTooLargeError",
    "LimitExceededError",
    "OverloadedError",
    "ProtocolError",
    "ReentrancyError",
    "ReportLike",
    "SupervisorGaveUpError",
    "WorkerLostError",
]


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
    """The queue is full: `queued` calls wait, `limit` is the most. Wait, then retry: nothing was sent.

    Of a stream: so many of its events wait to be iterated, and its call was given up.
    """

    def __init__(
        self,
        *,
        queued: int,
        limit: int,
        what: str = "calls",
        way_out: str = "retry later, or open with more workers or a longer queue",
    ) -> None:
        self.queued = queued
        self.limit = limit
        super().__init__(
            f"{queued} {what} are queued and the limit is {limit}; {way_out}",
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


class ProtocolError(BridgeError):
    """A worker's answer has not the form that the protocol promises; `detail` says what should have been there.

    Report it; unless the program is somebody else's, who may have meant it.
    """

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(f"the worker broke the protocol: {detail}; report it if the program is your own")


class ReentrancyError(BridgeError):
    """Something was waited for where waiting would stop it: `call` in a callback of the thread that delivers it.

    Fix: do as `instead` says.
    """

    def __init__(self, *, call: str, instead: str) -> None:
        self.call = call
        self.instead = instead
        super().__init__(f"{call} would wait for itself; {instead}")


def _is_repeatable(progress: Progress) -> bool:
    return progress is not Progress.SIDE_EFFECTS


def _repeat_advice(progress: Progress) -> str:
    if _is_repeatable(progress):
        return f"the call got as far as {progress}, so repeating it is safe"
    return "an LM call or a tool had run, so repeating the call may pay or act twice"
