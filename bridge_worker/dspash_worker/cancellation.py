"""Cancellation: ends a running call by raising an exception in its thread, and only while that thread is in user code."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final

from dspash_protocol import Fault

__all__ = ["TRANSITIONS", "CallCancelled", "CallSignal", "CallState", "Cancellation", "Raised", "Returned"]


class CallCancelled(BaseException):  # like CancelledError's kin KeyboardInterrupt, it is no error
    """The host cancelled this call, or its deadline passed. Clean up and let it pass.

    A BaseException, so that `except Exception` in user code does not swallow it.
    """

    def __init__(self, reason: str = "cancelled") -> None:
        super().__init__(reason)
        self.reason = reason


_DELICATE: Final = frozenset(
    {
        "asyncio.base_events",
        "asyncio.events",
        "asyncio.runners",
        "concurrent.futures._base",
        "concurrent.futures.thread",
        "contextlib",
        "importlib._bootstrap",
        "importlib._bootstrap_external",
        "logging",
        "queue",
        "threading",
    }
)
"""Modules of the standard library that take and release locks in Python, where an exception may land in between."""


class CallState(StrEnum):
    """Where a call stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"  # asked to end, and has not yet
    DONE = "done"


class CallSignal(StrEnum):
    """What moves a call."""

    START = "start"  # a call thread took it
    CANCEL = "cancel"  # the host, the deadline or the shutdown wants it to end
    END = "end"  # its handler returned or raised


TRANSITIONS: Final[dict[CallState, dict[CallSignal, CallState]]] = {
    CallState.QUEUED: {CallSignal.START: CallState.RUNNING, CallSignal.CANCEL: CallState.DONE},
    CallState.RUNNING: {CallSignal.CANCEL: CallState.CANCELLING, CallSignal.END: CallState.DONE},
    CallState.CANCELLING: {CallSignal.END: CallState.DONE},
    CallState.DONE: {},
}


@dataclass(slots=True)
class Returned:
    """A handler's result."""

    value: Final[Any]


@dataclass(slots=True)
class Raised:
    """What a handler raised instead, `SystemExit` and `CallCancelled` included."""

    error: Final[BaseException]


class Cancellation:
    """One call's state, and the gate through which an exception may be injected into the thread that runs it.

    The call's thread holds the gate whenever it is in the worker's own code, and injecting needs it: so an exception
    lands in user code or nowhere, never in a half-done reply, and never after the call has ended.

    That rests on one fact of CPython: a thread looks for an injected exception on entering a function, on jumping
    backwards and *after* a C function returns, so one that arrives while the thread waits for the gate is raised as
    soon as it has it. A lock's `acquire` in a `try` of its own was therefore taken if it raises.
    """

    __slots__ = ("_gate", "_lock", "_thread_id", "cause", "state")

    def __init__(self) -> None:
        self.state = CallState.QUEUED
        self.cause: Fault | None = None  # what the call ends with, once it was asked to end
        self._lock = threading.Lock()
        self._gate = threading.RLock()
        self._thread_id = 0

    def request(self, cause: Fault) -> CallState | None:
        """Ask the call to end with `cause`; the state it was in, or None when it was asked before or is done."""
        with self._lock:
            before = self.state
            if not self._advance(CallSignal.CANCEL):
                return None
            self.cause = cause
            return before

    def check(self) -> None:
        """Raise CallCancelled when the call was asked to end, or has ended (and this is a thread it left behind)."""
        if self.cause is not None:
            raise CallCancelled(self.cause.message)
        if self.state is CallState.DONE:
            raise CallCancelled("the call has ended")

    def run(self, work: Callable[[], Any]) -> Returned | Raised | None:
        """Run `work` in this thread, open to injection; None when the call was cancelled before it began.

        After this nothing can be injected, nor is anything pending in this thread.
        """
        gate = self._gate
        gate.acquire()
        self._thread_id = threading.get_ident()
        with self._lock:
            if not self._advance(CallSignal.START):
                return None
        outcome: Returned | Raised | None = None
        # Taking the gate may raise what was injected just before; taking it again then cannot: the thread has it.
        # What was injected once `work` had returned is dropped: the result won the race.
        try:
            try:
                gate.release()
                outcome = Returned(work())
                gate.acquire()
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is the call's outcome
                gate.acquire()
                outcome = outcome or Raised(error)
        except BaseException as error:  # noqa: BLE001 - injected at the last moment
            gate.acquire()
            outcome = outcome or Raised(error)
        with self._lock:
            self._advance(CallSignal.END)
        return outcome

    def inject(self, *, insist: bool = False) -> bool:
        """Raise CallCancelled in the call's thread if that is in user code now; False when this is a bad moment.

        At a bad moment the thread is in code that may hold a lock it has not got to releasing; only by `insist`ing is
        it interrupted there. A thread in the worker's own code is left alone, for it notices by itself. One in a C
        function is interrupted when that returns. Repeat both while the call goes on.
        """
        if not self._gate.acquire(blocking=False):
            return True
        try:
            if self.state is not CallState.CANCELLING:
                return True
            frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            if not insist and frame is not None and frame.f_globals.get("__name__") in _DELICATE:
                return False
            return _raise_in(ctypes.c_ulong(self._thread_id), ctypes.py_object(CallCancelled))
        finally:
            self._gate.release()

    def __enter__(self) -> None:
        """Enter the worker's own code: nothing is injected until the matching exit."""
        if threading.get_ident() != self._thread_id:
            return  # only the call's own thread is ever injected into
        try:
            self._gate.acquire()
        except BaseException:
            self._gate.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if threading.get_ident() == self._thread_id:
            self._gate.release()

    def _advance(self, signal: CallSignal) -> bool:
        following = TRANSITIONS[self.state].get(signal)
        if following is None:
            return False
        self.state = following
        return True


def _raise_in(thread_id: ctypes.c_ulong, kind: ctypes.py_object[type[BaseException]]) -> bool:
    """Inject an exception; False where it could hit the wrong thread.

    Until a new thread runs, CPython 3.11 gives it the id of the thread that starts it, and would inject into the new
    one, which dies before it has told its starter that it lives. No other thread runs between the look and the call:
    the interpreter changes threads only at a jump backwards, on entering a function and after a call.
    """
    if sys.version_info < (3, 12) and threading._limbo:  # type: ignore[attr-defined]  # noqa: SLF001
        return False
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread_id, kind)
    return True
