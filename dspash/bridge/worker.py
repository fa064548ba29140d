"""Worker: one generation of a child: a process, its channel, and the calls it has been sent."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from loguru import logger

from dspash.bridge.ask import Ask
from dspash.bridge.call import Call
from dspash.bridge.channel import Channel
from dspash.bridge.overrun import Limit, LimitOverrun, Overrun
from dspash.bridge.pending import PendingCalls
from dspash.bridge.reader import Reader
from dspash.bridge.shown import shown_line, shown_name
from dspash.bridge.wire_faults import error_of
from dspash.bridge.worker_state import WorkerState
from dspash.errors import FrameTooLargeError, InvalidInputError
from dspash.supervision import ExitReason, ProtocolBroken
from dspash_protocol import (
    MAX_TIMEOUT_MS,
    Cancel,
    Command,
    Defect,
    ErrorReply,
    Event,
    Fault,
    FaultKind,
    InvalidValueError,
    LocalProtocolError,
    Message,
    Notice,
    NoticeName,
    Progress,
    Received,
    Request,
    Result,
    ReverseCommand,
    Role,
    Session,
    State,
)
from dspash_protocol import FrameTooLargeError as FrameTooLarge

if TYPE_CHECKING:
    import socket

    from dspash.bridge.definitions import Definition, Definitions
    from dspash.bridge.forked import ForkedProcess
    from dspash.bridge.process import Process
    from dspash.bridge.pump import Pump
    from dspash.bridge.stream_budget import StreamBudget

__all__ = ["Listener", "Worker"]

_MIB: Final = 1024 * 1024


class Listener(Protocol):
    """Whom a worker tells what happens; on the thread that reads, so every answer must be quick."""

    def worker_ready(self, worker: Worker) -> None: ...
    def worker_told(self, worker: Worker) -> None: ...
    def worker_replied(self, worker: Worker) -> None: ...
    def worker_asked(self, worker: Worker, ask: Ask) -> None: ...
    def worker_overran(self, worker: Worker, overrun: Overrun) -> None: ...
    def worker_lost(self, worker: Worker) -> None: ...


class Worker:
    """Sends calls and takes replies. Any thread may send; the Reader says who receives.

    With a `budget` it is not trusted: whatever the protocol does not allow, and what goes past the budget, is the end of
    it. Without, a frame that makes no sense costs the call that it is about, where that is known.
    """

    def __init__(
        self,
        child_id: str,
        generation: int,
        process: Process | ForkedProcess,
        sock: socket.socket,
        *,
        pump: Pump,
        listener: Listener,
        definitions: Definitions,
        max_frame: int,
        worker_max_frame: int | None = None,
        budget: StreamBudget | None = None,
    ) -> None:
        self.child_id = child_id
        self.generation = generation
        self.process = process
        self.listener = listener
        self.state = WorkerState.BOOTING
        self.busy = 0  # the pool's
        self.calls_ended = 0
        self.unmatched_replies = 0
        self.memory_bytes: int | None = None
        self.layers: frozenset[str] = frozenset()  # of its confinement, as it reported them when it was ready
        self.budget = budget
        self.started_at = time.monotonic()
        self.ready_at: float | None = None
        self.why: ExitReason | None = (
            None  # our reason for ending it, which outranks the process's own account
        )
        self.follower = definitions.follow()
        self._definitions = definitions
        self._pump = pump
        self._channel = Channel(sock, pump, on_backlog=self._await_room)
        self._session = Session(Role.HOST, max_frame=max_frame)
        self._session.peer_max_frame = worker_max_frame or max_frame
        self._reader = Reader(
            self._channel,
            self._session,
            pump,
            on_message=self._take,
            on_end=self._lose,
            on_overrun=self._overrun,
            budget=budget,
        )
        self._pending = PendingCalls()
        self._told: dict[int, Definition] = {}  # definitions sent to catch up, not answered yet
        self._asks: dict[int, Ask] = {}
        self._lock = threading.Lock()  # over the state

    def __repr__(self) -> str:
        return f"<Worker {self.child_id}#{self.generation} {self.state} pending={len(self._pending)}>"

    @property
    def pending(self) -> tuple[Call, ...]:
        """The calls it has not answered, oldest first; some may have ended for their callers already."""
        return self._pending.snapshot()

    @property
    def heard_at(self) -> float:
        """When it last said anything, on the monotonic clock."""
        return self._reader.heard_at

    @property
    def open_asks(self) -> int:
        """How many of its requests are not answered."""
        return len(self._asks)

    def has_pending(self, call: Call) -> bool:
        """Whether it has not answered this call."""
        return call in self._pending

    # --- sending, from any thread ---

    def send(self, call: Call, *, wait: bool) -> bool:
        """Send a call, after the definitions this worker has not seen; False when the worker can take none any more.

        `wait`: stay while too much waits to be written, at most to the call's deadline. A call that cannot be put on
        the wire fails at once.
        """
        if self.follower.is_behind:
            self.catch_up()
        return self._request(call, wait=wait)

    def begin(self, call: Call) -> bool:
        """As send, to a worker that nobody else sends to: the definitions and the call go in one piece."""
        news: list[Definition] = []
        if self.follower.is_behind:
            self.follower.catch_up(news.append)
        return self._request(call, wait=False, news=news)

    def greet(self, hello: Call) -> bool:
        """Send the call that opens the session."""
        return self._request(hello, wait=False)

    def catch_up(self) -> None:
        """Send the definitions that this worker has not seen."""
        self.follower.catch_up(self._tell)

    def knows(self, definitions: Definitions) -> bool:
        """Whether these are the definitions that it follows."""
        return self._definitions is definitions

    def tell(self, definitions: Iterable[Definition]) -> None:
        """Send these requests in one piece; the listener is told when all are answered, however that was."""
        told = b"".join(self._session.send(self._request_telling(definition)) for definition in definitions)
        with contextlib.suppress(OSError):  # it is gone
            self._channel.write(told)

    def follow(self, definitions: Definitions) -> None:
        """From now on it is to know these definitions; it has been told none of them."""
        self._definitions.forget(self.follower)
        self._definitions = definitions
        self.follower = definitions.follow()

    def forget_definitions(self) -> None:
        """It will be told nothing any more."""
        self._definitions.forget(self.follower)

    def cancel(self, call: Call, reason: str) -> None:
        """Ask the worker to end a call early."""
        if call.request_id is not None:
            self._say_quietly(Cancel(call.request_id, reason))

    def withdraw(self, call: Call) -> bool:
        """Forget a call that was never written, after its sender was interrupted; False when it may have been.

        A worker that may have got half a frame is ended.
        """
        if self._channel.is_out_of_step:
            self.kill(ProtocolBroken("the host was interrupted while it wrote"))
            return False
        return call.progress is Progress.NOT_SENT and self._pending.remove(call.request_id) is not None

    def say(self, message: Message, *, wait_until: float | None = None) -> None:
        """Send a message. Raises OSError when the worker is gone, else what Session.send raises."""
        self._channel.write(self._session.send(message), wait_until=wait_until)

    def answer(self, reply: Result | ErrorReply, *, wait_until: float) -> None:
        """Answer an ask; nothing happens when the worker is gone. Raises what Session.send does for the content."""
        ask = self._asks.pop(reply.id, None)
        if ask is not None:
            ask.end()
        try:
            self.say(reply, wait_until=wait_until)
        except OSError:
            return
        except LocalProtocolError:
            if self._session.state is not State.CLOSED:
                raise

    # --- ending ---

    def retire(self, why: ExitReason) -> bool:
        """Have it take no new calls; False when it was past that already."""
        with self._lock:
            if self.state not in (WorkerState.BOOTING, WorkerState.READY):
                return False
            self.state = WorkerState.RETIRING
            self.why = why
            return True

    def finish(self, *, even_if_busy: bool) -> bool:
        """Once nobody waits for its answers, or at once, close our half of the pipe: it then stops. Whether it did."""
        if not self._pending.close(even_if_busy=even_if_busy):
            return False
        with self._lock:
            if self.state not in (WorkerState.LOST, WorkerState.GONE):
                self.state = WorkerState.ENDING
        self._channel.end_writing()
        return True

    def kill(self, why: ExitReason) -> None:
        """End its process now; `why` is what its calls are told."""
        self.why = self.why or why
        self.process.kill()

    def end_at_once(self, why: ExitReason) -> None:
        """End its process now, and take no more calls. From any thread."""
        with self._lock:
            if self.state not in (WorkerState.LOST, WorkerState.GONE):
                self.state = WorkerState.ENDING
        self._pending.close(even_if_busy=True)
        self.kill(why)

    def let_go(self) -> None:
        """Close the channel without a word; for a forked copy of the host, whose original goes on."""
        self._channel.let_go()

    def take_pending(self) -> tuple[Call, ...]:
        """The calls that will not be answered any more, oldest first."""
        for ask in list(self._asks.values()):
            ask.cancel()
        self._asks.clear()
        return self._pending.take_all()

    def release(self, then: Callable[[], None]) -> None:
        """Let go of every descriptor, then do `then`, both on the pump's thread. Its process has been reaped."""
        self._pump.run(lambda: self._release(then))

    def _release(self, then: Callable[[], None]) -> None:
        process = self.process
        process.stderr.read_rest()
        self._pump.unwatch(process.stderr.fileno())
        process.unwatch(self._pump)
        self._reader.close()
        process.close()
        self.state = WorkerState.GONE
        then()

    # --- receiving ---

    def watch(self) -> None:
        """Start listening to its channel, its stderr and its end."""
        self._pump.run(self._watch)

    def lead(self, call: Call) -> None:
        """Read for a while in the caller's own thread, which waits for `call`."""
        self._reader.lead(call)

    def hand_to_caller(self, ask: Ask, serve: Callable[[], None]) -> bool:
        """Have an ask served by the thread that waits for its call, if that is the one that reads just now."""
        return ask.call is not None and self._reader.hand_over(ask.call, serve)

    def _watch(self) -> None:
        self._reader.start()
        self._pump.watch(self.process.stderr.fileno(), self._on_stderr)
        self.process.watch(self._pump, self._reader.process_ended)

    def _on_stderr(self, _events: int) -> None:
        stderr = self.process.stderr
        if not stderr.read():
            self._pump.unwatch(stderr.fileno())
        if self.budget is not None:
            try:
                self.budget.printed(stderr.bytes_read)
            except LimitOverrun as error:
                self._pump.unwatch(stderr.fileno())
                self.listener.worker_overran(self, error.overrun)

    def _await_room(self) -> None:
        self._pump.run(self._reader.await_room)

    def _take(self, message: Received) -> None:
        match message:
            case Result(id=request_id, result=value):
                if (call := self._pending.get(request_id)) is None:
                    self._take_other_reply(request_id, None)
                else:
                    self._settle(request_id, wanted=call.succeed(value))
            case ErrorReply(id=request_id, fault=fault):
                self._take_fault(request_id, fault)
            case Event(id=request_id):
                if (call := self._pending.get(request_id)) is not None:
                    call.receive(message)
                elif request_id not in self._told:
                    self._doubt(f"it tells of request {request_id}, which is not open")
            case Request():
                self._ask(message)
            case Cancel(id=request_id):
                if (ask := self._asks.get(request_id)) is not None:
                    ask.cancel()
                    ask.end()
            case Notice():
                self._note(message)
            case Defect():
                self._take_defect(message)

    def _take_fault(self, request_id: int, fault: Fault) -> None:
        call = self._pending.get(request_id)
        if call is None:
            self._take_other_reply(request_id, fault)
        else:
            error = error_of(fault.reaching(call.progress), timeout_s=call.limit_s)
            self._settle(request_id, wanted=call.fail(error))

    def _take_other_reply(self, request_id: int, fault: Fault | None) -> None:
        """Take the reply to something that is no pending call."""
        definition = self._told.pop(request_id, None)
        if definition is not None and not self._told:
            self.listener.worker_told(self)
        if definition is None:
            self.unmatched_replies += 1
            self._doubt(f"it answers request {request_id}, which is not open")
        elif fault is not None and self.budget is None:
            logger.warning(
                "worker {} refuses what another accepted, {} of {!r}: {}",
                self.child_id,
                definition.command,
                definition.subject,
                shown_line(fault.message),
            )

    def _take_defect(self, defect: Defect) -> None:
        """A frame that makes no sense. When it is known whose it was, only that request suffers."""
        if self.budget is not None:
            self._overrun_or_give_up(defect.fault)
        elif defect.own_request_id is not None:
            self._take_fault(defect.own_request_id, defect.fault)
        elif defect.request_id is not None:
            self._say_quietly(ErrorReply(defect.request_id, defect.fault))
        else:
            # It may have been any call's answer, so none of them can be waited for.
            self._reader.give_up(defect.fault.message)

    def _overrun_or_give_up(self, fault: Fault) -> None:
        """What an untrusted worker has sent is too large, or nonsense; either is the end of it."""
        size, limit = fault.details.get("size"), fault.details.get("limit")
        if fault.kind is FaultKind.TOO_LARGE and isinstance(size, int) and isinstance(limit, int):
            self._overrun(Overrun(Limit.FRAME, size / _MIB, limit / _MIB))
        else:
            self._reader.give_up(fault.message)

    def _doubt(self, problem: str) -> None:
        """Something came that nobody waits for. A trusted worker may be late; another one is ended."""
        if self.budget is not None:
            self._reader.give_up(problem)

    def _overrun(self, overrun: Overrun) -> None:
        """It has said too much: tell, and hear no more of it."""
        self.listener.worker_overran(self, overrun)
        self._reader.give_up(f"it went past its {overrun.limit} limit")

    def _settle(self, request_id: int, *, wanted: bool) -> None:
        """The reply to a pending call has been delivered, if anybody `wanted` it."""
        call = self._pending.remove(request_id)
        if not wanted:
            self.unmatched_replies += 1
        if call is not None and call.command != Command.HELLO:
            self.calls_ended += 1
            self.listener.worker_replied(self)

    def _ask(self, request: Request) -> None:
        owner = request.args.get("call")
        call = self._call_behind(owner) if isinstance(owner, int) else None
        if call is not None:
            call.reach(
                Progress.STARTED if request.command == ReverseCommand.METRIC_CALL else Progress.SIDE_EFFECTS
            )
        ask = Ask(self, request, call)
        ask.begin()
        self._asks[request.id] = ask
        self.listener.worker_asked(self, ask)

    def _call_behind(self, request_id: int) -> Call | None:
        """The call on whose behalf the worker serves this request of ours, a definition's included."""
        call = self._pending.get(request_id)
        if call is None and self.budget is not None and request_id in self._told:
            return next(iter(self._pending.snapshot()), None)
        return call

    def _note(self, notice: Notice) -> None:
        match notice.name:
            case NoticeName.READY:
                with self._lock:
                    if self.state is not WorkerState.BOOTING:
                        return
                    self.state = WorkerState.READY
                self.ready_at = time.monotonic()
                self.layers = _names_in(notice.data.get("layers"))
                self.listener.worker_ready(self)
            case NoticeName.HEARTBEAT:
                rss = notice.data.get("rss")
                self.memory_bytes = rss if isinstance(rss, int) else self.memory_bytes
            case NoticeName.PROTOCOL_ERROR:
                self._reader.give_up(f"it could not read a frame of ours: {_short(notice.data)}")
            case _:
                logger.debug(
                    "worker {} says {}: {}", self.child_id, shown_name(notice.name), _short(notice.data)
                )

    def _lose(self, problem: str | None) -> None:
        """Nothing more will come of it."""
        if problem is not None:
            self.why = self.why or ProtocolBroken(shown_line(problem))
        with self._lock:
            if self.state in (WorkerState.LOST, WorkerState.GONE):
                return
            self.state = WorkerState.LOST
        self._pending.close(even_if_busy=True)
        self.listener.worker_lost(self)

    # --- writing ---

    def _request(self, call: Call, *, wait: bool, news: Iterable[Definition] = ()) -> bool:
        call.worker = self
        request_id: int | None = None
        try:
            told = b"".join(self._session.send(self._request_telling(definition)) for definition in news)
            request_id = self._pending.add(call)
            if request_id is None:
                return False
            frame = self._session.send(Request(request_id, call.command, call.args, _timeout_ms_of(call)))
            call.account.open()
            call.reach(Progress.SENT)
            self._channel.write(told + frame if told else frame, wait_until=call.deadline if wait else None)
        except InvalidValueError as error:
            return self._refuse(call, InvalidInputError(error.problem, details={"path": error.path}))
        except FrameTooLarge as error:
            return self._refuse(call, FrameTooLargeError(size=error.size, limit=error.limit))
        except (OSError, LocalProtocolError):
            if self._pending.remove(request_id) is None:
                return True  # whoever has taken a lost worker's calls has taken it, too, and ends it
            call.progress = Progress.NOT_SENT
            return False
        return True

    def _refuse(self, call: Call, error: Exception) -> bool:
        call.fail(error)
        self._pending.remove(call.request_id)
        self.listener.worker_replied(self)
        return True

    def _tell(self, definition: Definition) -> None:
        self._say_quietly(self._request_telling(definition))

    def _request_telling(self, definition: Definition) -> Request:
        request_id = self._pending.next_id()
        self._told[request_id] = definition
        return Request(request_id, definition.command, definition.args)

    def _say_quietly(self, message: Message) -> None:
        try:
            self.say(message)
        except (OSError, LocalProtocolError):
            return  # it is gone, and with it what this was about


def _timeout_ms_of(call: Call) -> int | None:
    left_s = call.remaining_s()
    return None if left_s == math.inf else min(max(1, math.ceil(left_s * 1000)), MAX_TIMEOUT_MS)


def _names_in(raw: Any) -> frozenset[str]:
    names = cast("list[Any]", raw) if isinstance(raw, list) else []
    return frozenset(name for name in names if isinstance(name, str))


def _short(data: Mapping[str, Any]) -> str:
    return repr(dict(data))[:200]
