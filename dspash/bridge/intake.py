"""Intake: what one worker says, message by message, brought to whom it concerns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from loguru import logger

from dspash.bridge.ask import Ask
from dspash.bridge.call import Call
from dspash.bridge.overrun import Limit, Overrun
from dspash.bridge.pending import PendingCalls
from dspash.bridge.shown import shown_line
from dspash.bridge.wire_faults import error_of
from dspash_protocol import (
    HARMLESS_ASKS,
    Cancel,
    Command,
    Defect,
    ErrorReply,
    Event,
    Fault,
    FaultKind,
    Notice,
    Progress,
    Received,
    Request,
    Result,
)

if TYPE_CHECKING:
    from dspash.bridge.definitions import Definition
    from dspash.bridge.worker import Worker

__all__ = ["Intake"]

_MIB: Final = 1024 * 1024


class Intake:
    """Knows what the worker was sent and has asked, and so what its messages are about. See Worker for what trust means.

    `give_up` has nothing more taken in.
    """

    def __init__(self, worker: Worker, *, give_up: Callable[[str], None]) -> None:
        self.pending = PendingCalls()
        self.told: dict[int, Definition] = {}  # definitions that were sent and not answered yet
        self.asks: dict[int, Ask] = {}
        self.calls_ended = 0
        self.unmatched_replies = 0
        self._worker = worker
        self._give_up = give_up
        self._asked: set[int] = set()  # ids under which an untrusted worker has asked

    def __repr__(self) -> str:
        return f"<Intake pending={len(self.pending)} told={len(self.told)} asks={len(self.asks)}>"

    def take(self, message: Received) -> None:
        """Act on one message. On the thread that reads."""
        match message:
            case Result(id=request_id, result=value):
                if (call := self.pending.get(request_id)) is None:
                    self._take_other_reply(request_id, None)
                else:
                    self._settle(request_id, wanted=call.succeed(value))
            case ErrorReply(id=request_id, fault=fault):
                self._take_fault(request_id, fault)
            case Event(id=request_id):
                if (call := self.pending.get(request_id)) is not None:
                    call.receive(message)
                elif request_id not in self.told:
                    self._doubt(f"it tells of request {request_id}, which is not open")
            case Request():
                self._ask(message)
            case Cancel(id=request_id):
                if (ask := self.asks.get(request_id)) is not None:
                    ask.cancel()
                    ask.end()
            case Notice():
                self._worker.note(message)
            case Defect():
                self._take_defect(message)

    def end_asks(self, call: Call) -> None:
        """Nobody needs what was asked for `call` any more. From any thread."""
        for ask in list(self.asks.values()):
            if ask.call is call:
                ask.cancel()

    def _take_fault(self, request_id: int, fault: Fault) -> None:
        call = self.pending.get(request_id)
        if call is None:
            self._take_other_reply(request_id, fault)
        else:
            error = error_of(fault.reaching(call.progress), timeout_s=call.limit_s)
            self._settle(request_id, wanted=call.fail(error))

    def _take_other_reply(self, request_id: int, fault: Fault | None) -> None:
        """Take the reply to something that is no pending call."""
        definition = self.told.pop(request_id, None)
        if definition is not None and not self.told:
            self._worker.listener.worker_told(self._worker)
        if definition is None:
            self.unmatched_replies += 1
            self._doubt(f"it answers request {request_id}, which is not open")
        elif fault is not None and self._worker.budget is None:
            logger.warning(
                "worker {} refuses what another accepted, {} of {!r}: {}",
                self._worker.child_id,
                definition.command,
                definition.subject,
                shown_line(fault.message),
            )

    def _take_defect(self, defect: Defect) -> None:
        """A frame that makes no sense. When it is known whose it was, only that request suffers."""
        if self._worker.budget is not None:
            self._overrun_or_give_up(defect.fault)
        elif defect.own_request_id is not None:
            self._take_fault(defect.own_request_id, defect.fault)
        elif defect.request_id is not None:
            self._worker.say_quietly(ErrorReply(defect.request_id, defect.fault))
        else:
            # It may have been any call's answer, so none of them can be waited for.
            self._give_up(defect.fault.message)

    def _overrun_or_give_up(self, fault: Fault) -> None:
        """What an untrusted worker has sent is too large, or nonsense; either is the end of it."""
        size, limit = fault.details.get("size"), fault.details.get("limit")
        if fault.kind is FaultKind.TOO_LARGE and isinstance(size, int) and isinstance(limit, int):
            self._worker.overran(Overrun(Limit.FRAME, size / _MIB, limit / _MIB))
        else:
            self._give_up(fault.message)

    def _doubt(self, problem: str) -> None:
        """Something came that nobody waits for. A trusted worker may be late; another one is ended."""
        if self._worker.budget is not None:
            self._give_up(problem)

    def _settle(self, request_id: int, *, wanted: bool) -> None:
        """The reply to a pending call has been delivered, if anybody `wanted` it."""
        call = self.pending.remove(request_id)
        if not wanted:
            self.unmatched_replies += 1
        if call is not None and call.command != Command.HELLO:
            self.calls_ended += 1
            self._worker.listener.worker_replied(self._worker)

    def _ask(self, request: Request) -> None:
        if self._worker.budget is not None:
            if request.id in self._asked:
                self._give_up(f"it asks under the id {request.id} once more")
                return
            self._asked.add(request.id)
        owner = request.args.get("call")
        call = self._call_behind(owner) if isinstance(owner, int) else None
        if call is not None:
            call.reach(Progress.STARTED if request.command in HARMLESS_ASKS else Progress.SIDE_EFFECTS)
        ask = Ask(self._worker, request, call)
        ask.begin()
        self.asks[request.id] = ask
        self._worker.listener.worker_asked(self._worker, ask)

    def _call_behind(self, request_id: int) -> Call | None:
        """The call on whose behalf the worker serves this request of ours, a definition's included."""
        call = self.pending.get(request_id)
        if call is None and self._worker.budget is not None and request_id in self.told:
            return next(iter(self.pending.snapshot()), None)
        return call
