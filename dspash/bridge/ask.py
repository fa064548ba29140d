"""Ask: one request of a worker to its host, made on behalf of a call."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Final, cast

from dspash.bridge.manner import Manner
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

__all__ = ["MODEL_CALLS", "Ask", "current_ask"]

ORPHAN_S: Final = 600.0  # for a request that belongs to no call and says no time of its own

MODEL_CALLS: Final = frozenset(
    map(str, (ReverseCommand.LM_COMPLETE, ReverseCommand.LM_STREAM, ReverseCommand.LM_EMBED))
)
"""What calls a model, which may cost something."""

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
        self.manner = Manner.WAITS  # in which its handler is called
        self._id = request.id
        self._seq = 0
        self._cancelled = False
        self._coming: Future[Any] | None = None  # the answer, where a handler has only begun to make it
        self._is_lm_wait = False  # whether the call's account counts the time until its answer

    def __repr__(self) -> str:
        return f"<Ask {self._id} {self.command} for {self.call!r}>"

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._cancelled or (self.call is not None and self.call.has_ended)

    def cancel(self) -> None:
        """The worker wants no answer any more: an answer that is being made is given up, a handler that looks will stop."""
        self._cancelled = True
        if self._coming is not None:
            self._coming.cancel()

    def begin(self) -> None:
        """Count it for its call. It has just arrived."""
        if self.call is not None:
            if self.command in MODEL_CALLS:
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
        """Send one item of a streamed answer. Raises FaultError(cancelled) when nobody waits any more.

        Waits while the worker does not read; a coroutine looks at `has_room` first.
        """
        self.check()
        self.worker.say(Event(self._id, EventKind.ITEM, self._seq, data), wait_until=self.deadline)
        self._seq += 1

    @property
    def has_room(self) -> bool:
        """Whether the worker reads what it is sent."""
        return self.worker.has_room

    def serve(self, handler: Callable[[Ask], Any]) -> None:
        """Run `handler(self)` and answer with what it returns or raises, or once the future that it returns is done."""
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
            if isinstance(value, Future):
                self._await(cast("Future[Any]", value))
            else:
                self._succeed(value, wait_until=self.deadline)
        finally:
            _current.reset(token)

    def _await(self, answer: Future[Any]) -> None:
        self._coming = answer
        answer.add_done_callback(self._take)
        if self.is_cancelled:  # a moment ago, when there was nothing to give up yet
            answer.cancel()

    def _take(self, answer: Future[Any]) -> None:
        """Answer with what was being made, on the thread that has made it: others' answers are made there, too."""
        try:
            value = answer.result()
        except FaultError as error:
            self.fail(error.fault)
        except CancelledError:
            self.fail(Fault(FaultKind.CANCELLED, "nobody waits for this answer any more"))
        except BaseException as error:  # noqa: BLE001 - whatever a model raises is the outcome of this ask
            self.fail(_fault_of(self.command, error))
        else:
            self._succeed(value, wait_until=None)

    def _succeed(self, value: Any, *, wait_until: float | None) -> None:
        try:
            self._answer(Result(self._id, value), wait_until=wait_until)
        except InvalidValueError as error:
            self.fail(FaultError.of(FaultKind.UNSERIALISABLE, str(error), path=error.path).fault)

    def fail(self, fault: Fault) -> None:
        """Answer with a fault. It never waits, so it may be called on any thread."""
        self._answer(ErrorReply(self._id, fault), wait_until=None)

    def _answer(self, reply: Result | ErrorReply, *, wait_until: float | None) -> None:
        try:
            self.worker.answer(reply, wait_until=wait_until)
        except FrameTooLargeError as error:
            details = {"size": error.size, "limit": error.limit}
            fault = FaultError.of(FaultKind.TOO_LARGE, str(error), **details).fault
            self.worker.answer(ErrorReply(self._id, fault), wait_until=wait_until)


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
