"""Call: one request of the host, from the moment it is made to its one outcome."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, InvalidStateError
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dspash.bridge.account import Account
from dspash.bridge.attendants import Attendants
from dspash.errors import (
    CallCancelledError,
    CallTimeoutError,
    ConfigurationError,
    DspashError,
    ReentrancyError,
)
from dspash.usage import Isolation, Usage
from dspash_protocol import MAX_TIMEOUT_MS, Event, Progress

if TYPE_CHECKING:
    from dspash.bridge.sandboxed import Sandboxed
    from dspash.bridge.worker import Worker

__all__ = [
    "Call",
    "CallFuture",
    "CallOptions",
    "Measured",
    "OnOutcome",
    "Standing",
    "delivering",
    "is_delivering",
]

_serials: Final = itertools.count(1)
_cancelling: Final = threading.Lock()  # decides who of several cancels a call; held for a comparison
_PENDING: Final = "PENDING"  # the state of a concurrent.futures.Future that has no outcome yet


class _Thread(threading.local):
    """What belongs to the running thread alone."""

    def __init__(self) -> None:
        # A lock that nobody else knows serves as a flag: it is set and cleared in C, where Ctrl-C cannot strike.
        self.delivering = threading.Lock()


_thread: Final = _Thread()


def delivering() -> threading.Lock:
    """What a thread holds, in a `with` block, while it delivers outcomes: it must not wait for any."""
    return _thread.delivering


def is_delivering() -> bool:
    """Whether the running code is a callback: waiting for a call here may be waiting for oneself."""
    return _thread.delivering.locked()


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How a call is to be made, beside what it asks.

    `timeout_s` is for everything: queue, wire, worker, LM calls and tools. Calls with the same `sticky` key go to the
    same worker. `owner` is the id of the module or program it runs: its tools are those the call may use. `on_event`
    is told of every event, on the thread that reads it; it must be quick. `sandbox` has it run in a sandbox instead of
    the pool. `payer` is nothing to the bridge: who serves what a worker asks for the call finds it there.
    """

    timeout_s: float
    _: KW_ONLY
    owner: str | None = None
    sticky: str | None = None
    on_event: Callable[[Event], None] | None = None
    sandbox: Sandboxed | None = None
    payer: object = None

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise ConfigurationError("timeout_s", f"{self.timeout_s} leaves no time", "give seconds above 0")


class CallFuture(Future[Any]):
    """The outcome of a call. Its `cancel` reaches the worker: it asks there, and kills what does not listen.

    Whoever waits gets the result, or a DspashError: a cancelled one raises CallCancelledError, which is also the
    CancelledError that every future raises.
    """

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call: Call | None = call  # None once it has ended: the two would keep each other alive
        self._cancelled_as: CallCancelledError | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the outcome is decided; as `done`, without its lock."""
        return self._state != _PENDING

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the outcome. Raises ReentrancyError where what delivers it would wait for itself."""
        if self._state == _PENDING:
            self._before_waiting(timeout)
        try:
            return super().result(timeout)
        except CancelledError:
            if self._cancelled_as is None:
                raise
            raise self._cancelled_as from None

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the outcome; see result."""
        if self._state == _PENDING:
            self._before_waiting(timeout)
        try:
            return super().exception(timeout)
        except CancelledError:
            raise self._cancelled_as or CancelledError from None

    def cancel(self) -> bool:
        """End the call for its caller at once; False when it has ended otherwise."""
        call = self._call
        return self.cancelled() if call is None else call.cancel("the caller cancelled it")

    def end_cancelled(self, error: CallCancelledError) -> bool:
        """Become cancelled and tell whoever waits, without asking anybody; False when it had ended."""
        with _cancelling:
            if self._cancelled_as is not None or self.has_ended:
                return False
            self._cancelled_as = error
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()  # those who wait for one of several futures hear of it only now
        return True

    def let_go(self) -> None:
        """It has ended: forget the call."""
        self._call = None

    def orphan(self, error: Exception) -> None:
        """In a fork's copy: end with `error`. Nobody else is left to do it, nor to hold the lock that was copied."""
        self._condition = threading.Condition()
        if not self.has_ended:
            self.set_exception(error)

    def _before_waiting(self, timeout: float | None) -> None:
        if is_delivering():
            raise ReentrancyError(
                call="waiting for a call inside a callback",
                instead="start the call there and add a callback to it, or hand the work to another thread",
            )
        call = self._call
        if call is not None and timeout is None and call.worker is not None:
            call.worker.lead(call)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a worker that one call had to itself; None what was not."""

    cpu_s: float | None = None
    peak_memory_bytes: int | None = None


_NOTHING_MEASURED: Final = Measured()


class Standing(Enum):
    """What a call needs to be sent."""

    ORDINARY = "ordinary"  # a free slot
    ASIDE = "aside"  # room: it is too small to need a slot
    NESTED = "nested"  # nothing: it is made on behalf of one that holds a slot, and both could wait for ever


OnOutcome: TypeAlias = "Callable[[Call, BaseException | None], BaseException | None]"
"""Told of an outcome before anybody else: None for a result, else the error; may return an error to end with instead.

Of two endings at the same moment both may be told, and one is without effect.
"""


class Call:
    """One request and its outcome. Whoever ends it first wins; every other ending is without effect.

    The future decides: it takes one outcome and refuses all others. Whoever ends a call in time tells nobody else;
    an end that comes early, from the host's side, is also told to `on_abandon`.
    """

    __slots__ = (
        "account",
        "args",
        "attendants",
        "command",
        "deadline",
        "files",
        "future",
        "isolation",
        "limit_s",
        "measured",
        "on_abandon",
        "on_end",
        "on_event",
        "on_outcome",
        "options",
        "progress",
        "request_id",
        "serial",
        "standing",
        "worker",
    )

    def __init__(
        self,
        command: str,
        args: Mapping[str, Any],
        options: CallOptions,
        standing: Standing = Standing.ORDINARY,
        not_after: float = math.inf,
    ) -> None:
        now = time.monotonic()
        self.serial = next(_serials)
        self.command = command
        self.args = args
        self.options = options
        self.standing = standing
        self.limit_s = min(options.timeout_s, max(0.0, not_after - now))
        self.deadline = now + self.limit_s
        self.progress = Progress.NOT_SENT
        self.worker: Worker | None = None
        self.request_id: int | None = None
        self.account = Account()
        self.future = CallFuture(self)
        self.measured = _NOTHING_MEASURED  # of its worker, where it had one to itself
        self.attendants = Attendants()
        self.isolation: Isolation | None = None
        self.files: Mapping[str, bytes] = {}  # what it has left in its output folder, by path
        self.on_event = options.on_event
        self.on_outcome: OnOutcome | None = None
        self.on_end: Callable[[Call], None] | None = None
        self.on_abandon: Callable[[Call, str], None] | None = None

    def __repr__(self) -> str:
        state = "ended" if self.has_ended else str(self.progress)
        return f"<Call {self.serial} {self.command} {state}>"

    @property
    def has_ended(self) -> bool:
        """Whether the outcome is decided."""
        return self.future.has_ended

    @property
    def payer(self) -> object:
        """Who pays for what is done on its behalf, as whoever made it has said."""
        return self.options.payer

    @property
    def usage(self) -> Usage:
        """What it has used so far, or has used."""
        measured = self.measured
        return self.account.usage(cpu_s=measured.cpu_s, peak_memory_bytes=measured.peak_memory_bytes)

    def remaining_s(self) -> float:
        """Seconds to the deadline; negative past it."""
        return self.deadline - time.monotonic()

    def remaining_ms(self) -> int | None:
        """The same as a request says it: in whole ms, at least 1; None without a deadline."""
        left_s = self.deadline - time.monotonic()
        return None if left_s == math.inf else min(max(1, math.ceil(left_s * 1000)), MAX_TIMEOUT_MS)

    def reach(self, progress: Progress) -> None:
        """Remember that the request got at least this far."""
        self.progress = self.progress.at_least(progress)

    def wait(self) -> Any:
        """The result, once it is there. A wait that is interrupted (Ctrl-C) cancels the call."""
        try:
            return self.future.result()
        except BaseException:
            self.cancel("whoever waited for it was interrupted")
            raise

    # --- ending; each returns False when it had ended ---

    def succeed(self, value: Any) -> bool:
        """End with a result."""
        error = self._settle(None)
        if error is not None:
            return self._end_with(error)
        try:
            self.future.set_result(value)
        except InvalidStateError:
            return False
        self._tidy()
        return True

    def fail(self, error: BaseException) -> bool:
        """End with an error."""
        return self._end_with(self._settle(error) or error)

    def give_up(self, error: BaseException, reason: str) -> bool:
        """End with an error of the host's own, and have the worker told to stop."""
        return self.fail(error) and self._abandon(reason)

    def time_out(self) -> bool:
        """End because its deadline has come, and have the worker told to stop."""
        error = CallTimeoutError(timeout_s=self.limit_s, progress=self.progress)
        return self.give_up(error, "its deadline has passed")

    def cancel(self, reason: str) -> bool:
        """End as cancelled, and have the worker told to stop."""
        error = CallCancelledError(reason=reason, progress=self.progress)
        self._settle(error)
        self._sign(error)
        if not self.future.end_cancelled(error):
            return False
        self._tidy()
        return self._abandon(reason)

    def receive(self, event: Event) -> None:
        """Take an event of the running request."""
        self.reach(Progress.STARTED)
        if self.on_event is not None and not self.has_ended:
            self.on_event(event)

    def _settle(self, error: BaseException | None) -> BaseException | None:
        """Close the account; the error to end with instead, if there is one."""
        if self.has_ended:
            return None
        self.account.close()
        return None if self.on_outcome is None else self.on_outcome(self, error)

    def _end_with(self, error: BaseException) -> bool:
        self._sign(error)
        try:
            self.future.set_exception(error)
        except InvalidStateError:
            return False
        self._tidy()
        return True

    def _sign(self, error: BaseException) -> None:
        if isinstance(error, DspashError) and self.worker is not None and not self.has_ended:
            error.usage, error.isolation = self.usage, self.isolation

    def _tidy(self) -> None:
        self.future.let_go()
        if self.on_end is not None:
            self.on_end(self)

    def _abandon(self, reason: str) -> bool:
        if self.on_abandon is not None:
            self.on_abandon(self, reason)
        return True
