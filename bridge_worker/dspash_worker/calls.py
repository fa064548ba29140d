"""Calls: the requests that a handler serves, from their arrival to their one answer."""

from __future__ import annotations

import contextvars
import os
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from dspash_protocol import (
    DEFINING_COMMANDS,
    RETRYABLE_KINDS,
    Command,
    EventKind,
    Fault,
    FaultError,
    FaultKind,
    Progress,
    Request,
)
from dspash_worker.call import Call
from dspash_worker.cancellation import CallCancelled, CallState, Raised, Returned
from dspash_worker.channel import Channel
from dspash_worker.deadlines import Deadlines
from dspash_worker.domain import Domain, Workbench
from dspash_worker.exit import ExitCode
from dspash_worker.interruption import interrupt, interrupt_later
from dspash_worker.log import say
from dspash_worker.own_thread import OwnThread
from dspash_worker.reply import reply_with_fault, reply_with_value
from dspash_worker.reverse import ReverseRequests
from dspash_worker.threads import CallThreads
from dspash_worker.timers import Timers

__all__ = ["Calls"]

MAX_OPEN: Final = 65_536
"""Requests that may be open at once; a host with more of them does not listen to its answers."""

LAST_GRACE_S: Final = 1.0
"""What calls that are cancelled at the end of a drain are given to end."""


_RESULT: Final = "result"
_COMMANDS: Final = {str(command): command for command in Command}


@dataclass(slots=True, eq=False)
class _Ticket:
    """A call's place in the worker: what the domain need not know of it."""

    call: Call
    queued: bool  # whether others were ahead of it, so that its host may want to hear when it begins
    began_at: float | None = None  # monotonic
    reserved: bool = False  # whether the workbench has promised what it defines
    refused: Fault | None = None  # why that could not be promised


class Calls:
    """All open calls of one worker, and the rules by which they begin and end.

    They begin in the order of their arrival, each in the next thread that is free, or with `on_own_thread` one after the
    other in the thread that reads; until the domain is loaded, they wait for it in that order.
    """

    def __init__(
        self,
        *,
        channel: Channel,
        asks: ReverseRequests,
        timers: Timers,
        concurrency: int,
        on_own_thread: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._channel = channel
        self._asks = asks
        self._timers = timers
        self._deadlines = Deadlines(timers, self._time_out, now=now)
        self.own_thread: OwnThread[_Ticket] | None = OwnThread(self._serve) if on_own_thread else None
        self._threads = self.own_thread or CallThreads(concurrency, self._serve, idle=channel.lead)
        asks.on_wait, asks.on_answer = self._threads.lend, self._threads.take_back
        self._lock = threading.Lock()
        self._open: dict[int, _Ticket] = {}
        self._unanswered = 0  # open ones, and those being answered
        self._held: list[_Ticket] | None = []  # those that wait for the domain; None once it is there
        self._domain: Domain | None = None
        self._workbench: Workbench | None = None
        self._refusal: Fault | None = None
        self._on_drained: Callable[[], None] | None = None
        self.outcomes: Counter[str] = Counter()  # by fault kind, or _RESULT

    def __repr__(self) -> str:
        return f"<Calls open={len(self._open)} {self._threads!r} domain={'no' if self._domain is None else 'yes'}>"

    def __len__(self) -> int:
        return len(self._open)

    @property
    def concurrency(self) -> int:
        """How many can run at a time, beside those that wait for the host."""
        return self._threads.count

    @property
    def waiting(self) -> int:
        """How many wait for a thread or for the domain."""
        return sum(ticket.began_at is None for ticket in list(self._open.values()))

    def oldest_s(self) -> float:
        """How long the longest running call has been running, in seconds; 0 when none is."""
        began = [ticket.began_at for ticket in list(self._open.values()) if ticket.began_at is not None]
        return self._now() - min(began) if began else 0.0

    # --- beginning ---

    def admit(self, request: Request, *, full: bool) -> None:
        """Take a request. Called in the reading thread, in the order of arrival."""
        command = _COMMANDS.get(request.command)
        if command is None:
            self._refuse(request, FaultKind.UNKNOWN_COMMAND, f"there is no command {request.command!r:.80}")
            return
        if len(self._open) >= MAX_OPEN:
            self._refuse(request, FaultKind.UNAVAILABLE, f"{MAX_OPEN} requests are open")
            return
        call = Call(request, command, full=full, channel=self._channel, asks=self._asks)
        with self._lock:
            ticket = _Ticket(call, queued=len(self._open) >= self._threads.count)
            self._open[call.id] = ticket
            self._unanswered += 1
            if self._held is None:
                self._enqueue(ticket)
            else:
                self._held.append(ticket)
        if self._refusal is not None:
            self.cancel(call.id, self._refusal)
        if call.deadline is not None:
            self._deadlines.add(call, call.deadline)
            if call.cancellation.state is CallState.DONE:
                self._deadlines.discard(call)  # it was faster, and nobody would take it out again

    def begin(self, domain: Domain, workbench: Workbench) -> None:
        """The domain is there: let the calls that wait for it go on. Called once."""
        with self._lock:
            held, self._held = self._held or [], None
            self._domain, self._workbench = domain, workbench
            for ticket in held:
                self._enqueue(ticket)

    def refuse_all(self, fault: Fault) -> None:
        """The domain cannot be had: end every call that waits for it, and all that come, with `fault`."""
        self._refusal = fault
        for request_id in list(self._open):
            self.cancel(request_id, fault)

    def _refuse(self, request: Request, kind: FaultKind, message: str) -> None:
        fault = Fault(kind, message, retryable=kind in RETRYABLE_KINDS, progress=Progress.SENT)
        with self._lock:
            self.outcomes[kind] += 1
        reply_with_fault(self._channel, request.id, fault)

    def _enqueue(self, ticket: _Ticket) -> None:
        """Promise what the call defines, and queue it. Under the lock, so that promises keep the order of arrival."""
        call = ticket.call
        if call.cancellation.state is CallState.DONE:
            return
        if call.command in DEFINING_COMMANDS and self._workbench is not None:
            try:
                self._workbench.reserve(call)
                ticket.reserved = True
            except Exception as error:  # noqa: BLE001 - its thread tells the host
                ticket.refused = self._fault_of(error)
        self._threads.submit(ticket)

    # --- running, in a call thread ---

    def _serve(self, ticket: _Ticket) -> None:
        outcome = ticket.call.cancellation.run(partial(self._handle, ticket))
        if outcome is None:
            return  # cancelled before it began, and answered then
        if self._channel.forked:  # by user code, and the child has come back as if it were the worker
            os._exit(ExitCode.FORKED)
        try:
            self._finish(ticket, outcome)
            self._channel.throttle()
        except Exception:  # noqa: BLE001 - a defect here must cost one answer at most, not a thread as well
            say(f"call {ticket.call.id} could not be finished\n{traceback.format_exc()}")
            reply_with_fault(self._channel, ticket.call.id, Fault(FaultKind.INTERNAL, "the answer was lost"))

    def _handle(self, ticket: _Ticket) -> Any:
        call = ticket.call
        call.progress = Progress.STARTED
        ticket.began_at = self._now()
        if ticket.queued:
            call.emit(EventKind.STARTED)
        if ticket.refused is not None:
            raise FaultError(ticket.refused)
        if self._domain is None or (handler := self._domain.handlers.get(call.command)) is None:
            raise FaultError.of(FaultKind.UNKNOWN_COMMAND, f"this worker does not offer {call.command}")
        # A context of its own: what user code leaves in context variables is not there for the thread's next call.
        return contextvars.Context().run(handler, self._workbench, call)

    def _finish(self, ticket: _Ticket, outcome: Returned | Raised) -> None:
        call = ticket.call
        if self._asks:
            self._asks.cancel_call(call.id, "the call has ended")  # asked by threads that it left behind
        fault = self._outcome_fault(call, outcome)
        self._leave(ticket, fault)
        if fault is not None:
            self._abandon(ticket, fault)
            reply_with_fault(self._channel, call.id, fault.reaching(call.progress), after=call.events)
        elif isinstance(outcome, Returned):
            unsent = reply_with_value(self._channel, call.id, outcome.value, after=call.events)
            if unsent is not None:
                self._recount(unsent)
        if isinstance(outcome, Raised):
            outcome.error.__traceback__ = None  # its frames hold the outcome, and so themselves
        self._answered()

    def _outcome_fault(self, call: Call, outcome: Returned | Raised) -> Fault | None:
        if call.cancellation.cause is not None:
            # Even if it returned: its result may be made of what the cancellation broke, such as a thread's half work.
            return call.cancellation.cause
        if isinstance(outcome, Returned):
            return None
        if isinstance(outcome.error, CallCancelled) and call.remaining_s() == 0:
            return call.deadline_fault()  # noticed by the call before the timer came round
        return self._fault_of(outcome.error)

    def _fault_of(self, error: BaseException) -> Fault:
        if isinstance(error, FaultError):
            return error.fault
        kind = type(error).__name__
        try:
            if self._domain is not None:
                return self._domain.fault_of(error)
        except Exception as second:  # noqa: BLE001 - an exception's own __str__ is user code
            return Fault(
                FaultKind.PROGRAM_ERROR, f"{kind}, which raised {type(second).__name__} when looked at", kind
            )
        return Fault(FaultKind.INTERNAL, kind, kind)

    # --- ending ---

    def _time_out(self, call: Call) -> None:
        self.cancel(call.id, call.deadline_fault())

    def cancel(self, request_id: int, cause: Fault) -> None:
        """Ask a call to end with `cause`: at once if it has not begun, else as soon as its thread can be made to.

        Nothing happens when it has ended or is not known. From any thread; does not wait.
        """
        ticket = self._open.get(request_id)
        before = ticket.call.cancellation.request(cause) if ticket is not None else None
        if ticket is None or before is None:
            return
        call = ticket.call
        if before is CallState.QUEUED:
            self._drop(ticket, cause)
            return
        woken = self._asks.cancel_call(request_id, cause.message)
        self._channel.wake()
        if woken:
            interrupt_later(call.cancellation, self._timers)  # let what waited clean up undisturbed
        else:
            interrupt(call.cancellation, self._timers)

    def _drop(self, ticket: _Ticket, cause: Fault) -> None:
        """Answer a call that was cancelled before it began."""
        fault = replace(cause, progress=Progress.SENT)
        self._leave(ticket, fault)
        self._abandon(ticket, fault)
        reply_with_fault(self._channel, ticket.call.id, fault)
        self._answered()

    def _abandon(self, ticket: _Ticket, fault: Fault) -> None:
        """Break the promise of what the call was to define, unless its handler has settled it."""
        if ticket.reserved and self._workbench is not None:
            try:
                self._workbench.abandon(ticket.call, fault)
            except Exception:  # noqa: BLE001 - a defect of the domain must not cost the call its answer
                say(f"the promise of call {ticket.call.id} could not be broken\n{traceback.format_exc()}")

    def _leave(self, ticket: _Ticket, fault: Fault | None) -> None:
        """Take a call out of the table and count its outcome, before the host hears of it."""
        self._deadlines.discard(ticket.call)
        with self._lock:
            self._open.pop(ticket.call.id, None)
            self.outcomes[_RESULT if fault is None else fault.kind] += 1

    def _recount(self, fault: Fault) -> None:
        """A result that was counted could not be sent."""
        with self._lock:
            self.outcomes[_RESULT] -= 1
            self.outcomes[fault.kind] += 1

    def _answered(self) -> None:
        with self._lock:
            self._unanswered -= 1
            drained = self._take_on_drained() if self._unanswered == 0 else None
        if drained is not None:
            drained()

    # --- draining ---

    def drain(self, grace_s: float, on_drained: Callable[[], None]) -> None:
        """Call `on_drained` once every open call has its answer: of itself within `grace_s`, else cancelled.

        A call that cannot even be cancelled is answered in its stead; its thread ends with the process.
        """
        with self._lock:
            self._on_drained = on_drained
            drained = self._take_on_drained() if self._unanswered == 0 else None
        if drained is not None:
            drained()
        else:
            self._timers.after(grace_s, self._cancel_all)

    def _cancel_all(self) -> None:
        for request_id in reversed(list(self._open)):  # the latest first, or a thread set free would begin it
            self.cancel(request_id, _SHUTTING_DOWN)
        self._timers.after(LAST_GRACE_S, self._give_up)

    def _give_up(self) -> None:
        for request_id, ticket in list(self._open.items()):
            reply_with_fault(self._channel, request_id, _SHUTTING_DOWN.reaching(ticket.call.progress))
        with self._lock:
            drained = self._take_on_drained()
        if drained is not None:
            drained()

    def _take_on_drained(self) -> Callable[[], None] | None:
        drained, self._on_drained = self._on_drained, None
        return drained


_SHUTTING_DOWN: Final = Fault(
    FaultKind.UNAVAILABLE, "the worker shuts down", retryable=True, progress=Progress.SENT
)
