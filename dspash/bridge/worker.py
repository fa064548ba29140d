"""Worker: one generation of a child: a process, its channel, and the calls it has been sent."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, cast

from loguru import logger

from dspash.bridge.ask import Ask
from dspash.bridge.briefing import Briefing
from dspash.bridge.call import Call
from dspash.bridge.channel import Channel
from dspash.bridge.intake import Intake
from dspash.bridge.listener import Listener
from dspash.bridge.overrun import LimitOverrun, Overrun
from dspash.bridge.reader import Reader
from dspash.bridge.shown import shown_line, shown_map, shown_name
from dspash.bridge.worker_state import WorkerState
from dspash.errors import FrameTooLargeError, InvalidInputError
from dspash.supervision import ExitReason, ProtocolBroken
from dspash_protocol import (
    Cancel,
    ErrorReply,
    InvalidValueError,
    LocalProtocolError,
    Message,
    Notice,
    NoticeName,
    Progress,
    Received,
    Request,
    Result,
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

__all__ = ["Worker"]


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
        self.memory_bytes: int | None = None
        self.layers: frozenset[str] = frozenset()  # of its confinement, as it reported them when it was ready
        self.budget = budget
        self.briefing = Briefing(definitions)
        self.started_at = time.monotonic()
        self.ready_at: float | None = None
        self.why: ExitReason | None = None
        """Our reason for ending it, which outranks the process's own account."""
        self._pump = pump
        self._channel = Channel(sock, pump, on_backlog=self._await_room)
        self._session = Session(Role.HOST, max_frame=max_frame)
        self._session.peer_max_frame = worker_max_frame or max_frame
        self._intake = Intake(self, give_up=self._give_up)
        self._reader = Reader(
            self._channel,
            self._session,
            pump,
            on_message=self._take,
            on_end=self._lose,
            on_overrun=self.overran,
            budget=budget,
        )
        self._lock = threading.Lock()  # over the state

    def __repr__(self) -> str:
        return f"<Worker {self.child_id}#{self.generation} {self.state} pending={len(self._intake.pending)}>"

    @property
    def pending(self) -> tuple[Call, ...]:
        """The calls it has not answered, oldest first; some may have ended for their callers already."""
        return self._intake.pending.snapshot()

    @property
    def heard_at(self) -> float:
        """When it last said anything, on the monotonic clock."""
        return self._reader.heard_at

    @property
    def calls_ended(self) -> int:
        """How many calls it has answered."""
        return self._intake.calls_ended

    @property
    def unmatched_replies(self) -> int:
        """How many answers it gave that nobody waited for."""
        return self._intake.unmatched_replies

    @property
    def open_asks(self) -> int:
        """How many of its requests are not answered."""
        return len(self._intake.asks)

    @property
    def has_room(self) -> bool:
        """Whether it reads what it is sent: not too much of that waits for it."""
        return self._channel.has_room

    def has_pending(self, call: Call) -> bool:
        """Whether it has not answered this call."""
        return call in self._intake.pending

    # --- sending, from any thread ---

    def send(self, call: Call, *, wait: bool) -> bool:
        """Send a call, after the definitions this worker has not seen; False when the worker can take none any more.

        `wait`: stay while too much waits to be written, at most to the call's deadline. A call that cannot be put on
        the wire fails at once.
        """
        if self.briefing.follower.is_behind:
            self.catch_up()
        return self._request(call, wait=wait)

    def begin(self, call: Call) -> bool:
        """As send, to a worker that nobody else sends to: the definitions and the call go in one piece."""
        news: list[Definition] = []
        if self.briefing.follower.is_behind:
            self.briefing.follower.catch_up(news.append)
        return self._request(call, wait=False, news=news)

    def greet(self, hello: Call, *, heard: Collection[bytes] = ()) -> bool:
        """Send the call that opens the session, unless it is among the frames that the worker has `heard` already."""
        return self._request(hello, wait=False, heard=heard)

    def catch_up(self) -> None:
        """Send the definitions that this worker has not seen."""
        self.briefing.follower.catch_up(self._tell)

    def tell(self, definitions: Iterable[Definition], *, heard: Collection[bytes] = ()) -> None:
        """Send these requests in one piece, but for frames that the worker has `heard` already; the listener is told when
        all are answered, however that was.
        """
        frames = [self._session.send(self._request_telling(definition)) for definition in definitions]
        told = b"".join(frame for frame in frames if frame not in heard)
        if told:
            with contextlib.suppress(OSError):  # it is gone
                self._channel.write(told)

    def cancel(self, call: Call, reason: str) -> None:
        """Ask the worker to end a call early; what it has asked for that is of no use any more."""
        self._intake.end_asks(call)
        if call.request_id is not None:
            self.say_quietly(Cancel(call.request_id, reason))

    def withdraw(self, call: Call) -> bool:
        """Forget a call that was never written, after its sender was interrupted; False when it may have been.

        A worker that may have got half a frame is ended.
        """
        if self._channel.is_out_of_step:
            self.kill(ProtocolBroken("the host was interrupted while it wrote"))
            return False
        return call.progress is Progress.NOT_SENT and self._intake.pending.remove(call.request_id) is not None

    def say(self, message: Message, *, wait_until: float | None = None) -> None:
        """Send a message. Raises OSError when the worker is gone, else what Session.send raises."""
        self._channel.write(self._session.send(message), wait_until=wait_until)

    def answer(self, reply: Result | ErrorReply, *, wait_until: float | None) -> None:
        """Answer an ask; nothing happens when the worker is gone. Raises what Session.send does for the content."""
        ask = self._intake.asks.pop(reply.id, None)
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
        if not self._intake.pending.close(even_if_busy=even_if_busy):
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
        self._intake.pending.close(even_if_busy=True)
        self.kill(why)

    def let_go(self) -> None:
        """Close the channel without a word; for a forked copy of the host, whose original goes on."""
        self._channel.let_go()

    def take_pending(self) -> tuple[Call, ...]:
        """The calls that will not be answered any more, oldest first."""
        for ask in list(self._intake.asks.values()):
            ask.cancel()
        self._intake.asks.clear()
        return self._intake.pending.take_all()

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
        # Beside other calls of this worker there is work to do, for which a thread that looks would take a processor.
        self._reader.lead(call, look=len(self._intake.pending) == 1)

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
        self._intake.take(message)

    def overran(self, overrun: Overrun) -> None:
        """It has said too much: tell, and hear no more of it. On the thread that reads."""
        self.listener.worker_overran(self, overrun)
        self._give_up(f"it went past its {overrun.limit} limit")

    def _give_up(self, problem: str) -> None:
        self._reader.give_up(problem)

    def note(self, notice: Notice) -> None:
        """It says something that is about no request. On the thread that reads."""
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
                self._give_up(f"it could not read a frame of ours: {shown_map(notice.data)}")
            case _:
                told = shown_map(notice.data)
                logger.debug("worker {} says {}: {}", self.child_id, shown_name(notice.name), told)

    def _lose(self, problem: str | None) -> None:
        """Nothing more will come of it."""
        if problem is not None:
            self.why = self.why or ProtocolBroken(shown_line(problem))
        with self._lock:
            if self.state in (WorkerState.LOST, WorkerState.GONE):
                return
            self.state = WorkerState.LOST
        self._intake.pending.close(even_if_busy=True)
        self.listener.worker_lost(self)

    # --- writing ---

    def _request(
        self, call: Call, *, wait: bool, news: Iterable[Definition] = (), heard: Collection[bytes] = ()
    ) -> bool:
        call.worker = self
        request_id: int | None = None
        try:
            told = [self._session.send(self._request_telling(definition)) for definition in news]
            request_id = self._intake.pending.add(call)
            if request_id is None:
                return False
            frame = self._session.send(Request(request_id, call.command, call.args, self._told_ms(call)))
            call.account.open()
            call.reach(Progress.SENT)
            if told:
                frame = b"".join((*told, frame))
            if frame not in heard:
                self._channel.write(frame, wait_until=call.deadline if wait else None)
        except InvalidValueError as error:
            return self._refuse(call, InvalidInputError(error.problem, details={"path": error.path}))
        except FrameTooLarge as error:
            return self._refuse(call, FrameTooLargeError(size=error.size, limit=error.limit))
        except (OSError, LocalProtocolError):
            if self._intake.pending.remove(request_id) is None:
                return True  # whoever has taken a lost worker's calls has taken it, too, and ends it
            call.progress = Progress.NOT_SENT
            return False
        return True

    def _told_ms(self, call: Call) -> int | None:
        """The time that a call has, as its worker is told. One that is not trusted is ended at the deadline, whatever it
        knows: to keep the time itself would only take it a thread.
        """
        return call.remaining_ms() if self.budget is None else None

    def _refuse(self, call: Call, error: Exception) -> bool:
        call.fail(error)
        self._intake.pending.remove(call.request_id)
        self.listener.worker_replied(self)
        return True

    def _tell(self, definition: Definition) -> None:
        self.say_quietly(self._request_telling(definition))

    def _request_telling(self, definition: Definition) -> Request:
        request_id = self._intake.pending.next_id()
        self._intake.told[request_id] = definition
        return Request(request_id, definition.command, definition.args)

    def say_quietly(self, message: Message) -> None:
        """The same; nothing happens when it is gone."""
        with contextlib.suppress(OSError, LocalProtocolError):  # it is gone, and with it what this was about
            self.say(message)


def _names_in(raw: Any) -> frozenset[str]:
    names = cast("list[Any]", raw) if isinstance(raw, list) else []
    return frozenset(name for name in names if isinstance(name, str))
