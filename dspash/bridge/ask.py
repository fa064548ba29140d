"""Ask: one request of a worker to its host, made on behalf of a call."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from dspash_protocol import (
    ErrorReply,
    Event,
    EventKind,
    Fault,
    FaultError,
    FaultKind,
    FrameTooLargeError,
    InvalidValueError,
    Request,
    Result,
    ReverseCommand,
)

if TYPE_CHECKING:
    from dspash.bridge.call import Call
    from dspash.bridge.worker import Worker

__all__ = ["Ask", "current_ask"]

ORPHAN_S: Final = 600.0  # for a request that belongs to no call and says no time of its own

_current: Final[contextvars.ContextVar[Ask | None]] = contextvars.ContextVar("dspash_ask", default=None)


def current_ask() -> Ask | None:
    """The ask that the running code serves, if it runs inside a tool, a metric or a model of the host."""
    return _current.get()


class Ask:
    """A reverse request. It is answered exactly once, whatever the handler does.

    `call` is the request of ours that it belongs to; None when the worker named none that is running.
    """

    def __init__(self, worker: Worker, request: Request, call: Call | None) -> None:
        self.worker = worker
        self.command = request.command
        self.args = request.args
        self.call = call
        self.deadline = _deadline_of(request, call)
        self._id = request.id
        self._seq = 0
        self._cancelled = False
        self._is_lm_wait = False  # whether the call's account counts the time until its answer

    def __repr__(self) -> str:
        return f"<Ask {self._id} {self.command} for {self.call!r}>"

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._cancelled or (self.call is not None and self.call.has_ended)

    def cancel(self) -> None:
        """The worker wants no answer any more; a handler that looks will stop."""
        self._cancelled = True

    def begin(self) -> None:
        """Count it for its call. It has just arrived."""
        if self.call is not None:
            if self.command.startswith("lm."):
                self._is_lm_wait = True
                self.call.account.lm_asked()
            elif self.command == ReverseCommand.TOOL_CALL:
                self.call.account.tool_asked()

    def end(self) -> None:
        """Its call waits for it no longer."""
        if self._is_lm_wait and self.call is not None:
            self._is_lm_wait = False
            self.call.account.lm_answered()

    def remaining_s(self) -> float:
        """Seconds until the answer is of no use."""
        return self.deadline - time.monotonic()

    def check(self) -> None:
        """Raise FaultError(cancelled) when nobody waits any more."""
        if self.is_cancelled:
            raise FaultError.of(FaultKind.CANCELLED, "the call this belongs to has ended")

    def item(self, data: Any) -> None:
        """Send one item of a streamed answer. Raises FaultError(cancelled) when nobody waits any more."""
        self.check()
        self.worker.say(Event(self._id, EventKind.ITEM, self._seq, data), wait_until=self.deadline)
        self._seq += 1

    def serve(self, handler: Callable[[Ask], Any]) -> None:
        """Run `handler(self)` and answer with what it returns or raises."""
        token = _current.set(self)
        try:
            self.check()
            value = handler(self)
        except FaultError as error:
            self.fail(error.fault)
        except BaseException as error:  # a tool, a metric or a model is the host's code: it may even exit
            self.fail(_fault_of(self.command, error))
            if not isinstance(error, Exception):
                raise  # Ctrl-C, in the thread of a caller that serves its own call
        else:
            self._succeed(value)
        finally:
            _current.reset(token)

    def _succeed(self, value: Any) -> None:
        try:
            self._answer(Result(self._id, value))
        except InvalidValueError as error:
            self.fail(FaultError.of(FaultKind.UNSERIALISABLE, str(error), path=error.path).fault)

    def fail(self, fault: Fault) -> None:
        """Answer with a fault."""
        self._answer(ErrorReply(self._id, fault))

    def _answer(self, reply: Result | ErrorReply) -> None:
        try:
            self.worker.answer(reply, wait_until=self.deadline)
        except FrameTooLargeError as error:
            details = {"size": error.size, "limit": error.limit}
            fault = FaultError.of(FaultKind.TOO_LARGE, str(error), **details).fault
            self.worker.answer(ErrorReply(self._id, fault), wait_until=self.deadline)


def _deadline_of(request: Request, call: Call | None) -> float:
    limit_s = ORPHAN_S if request.timeout_ms is None else request.timeout_ms / 1000
    if call is None:
        return time.monotonic() + limit_s
    return call.deadline if request.timeout_ms is None else min(call.deadline, time.monotonic() + limit_s)


def _fault_of(command: str, error: BaseException) -> Fault:
    kind = FaultKind.LM_ERROR if command.startswith("lm.") else FaultKind.TOOL_ERROR
    return Fault(kind, _text_of(error), type=type(error).__name__)


def _text_of(error: BaseException) -> str:
    try:
        return str(error) or repr(error)
    except Exception as second:  # noqa: BLE001 - an exception's own __str__ is somebody's code, too
        return f"{type(error).__name__}, which raised {type(second).__name__} when it was looked at"
