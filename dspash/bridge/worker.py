"""Worker: one generation of a child: a process, its channel, and the calls it has been sent."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from loguru import logger

from dspash.bridge.ask import Ask
from dspash.bridge.call import Call, delivering
from dspash.bridge.channel import Channel
from dspash.bridge.process import Process
from dspash.bridge.pump import READABLE, WRITABLE
from dspash.bridge.wire_faults import error_of
from dspash.errors import FrameTooLargeError, InvalidInputError
from dspash.supervision import ExitReason, ProtocolBroken
from dspash_protocol import (
    BrokenFramingError,
    Cancel,
    Defect,
    ErrorReply,
    Event,
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
    TruncatedFrameError,
)
from dspash_protocol import FrameTooLargeError as FrameTooLarge

if TYPE_CHECKING:
    import socket

    from dspash.bridge.definitions import Definition, Definitions
    from dspash.bridge.pump import Pump

__all__ = ["Listener", "Worker", "WorkerState"]


class WorkerState(StrEnum):
    """Where a generation is in its life. It only ever goes down this list."""

    BOOTING = "booting"
    READY = "ready"
    RETIRING = "retiring"  # no new calls; those it has go on
    LOST = "lost"  # its pipe has ended or was given up
    GONE = "gone"  # reaped


class Listener(Protocol):
    """Whom a worker tells what happens; on the pump's thread, so every answer must be quick."""

    def worker_ready(self, worker: Worker) -> None: ...
    def worker_replied(self, worker: Worker, call: Call) -> None: ...
    def worker_asked(self, worker: Worker, ask: Ask) -> None: ...
    def worker_leaving(self, worker: Worker) -> None: ...
    def worker_lost(self, worker: Worker) -> None: ...


class Worker:
    """Sends calls, takes replies. Any thread may send; only the pump receives."""

    def __init__(
        self,
        child_id: str,
        generation: int,
        process: Process,
        sock: socket.socket,
        *,
        pump: Pump,
        listener: Listener,
        definitions: Definitions,
        max_frame: int,
    ) -> None:
        self.child_id = child_id
        self.generation = generation
        self.process = process
        self.state = WorkerState.BOOTING
        self.busy = 0  # the pool's
        self.calls_ended = 0
        self.unmatched_replies = 0
        self.memory_bytes: int | None = None
        self.started_at = time.monotonic()
        self.ready_at: float | None = None
        self.heard_at = self.started_at
        self.why: ExitReason | None = (
            None  # our reason for ending it, which outranks the process's own account
        )
        self._pump = pump
        self._listener = listener
        self._definitions = definitions
        self._applied = 0
        self._known: set[int] = set()
        self._channel = Channel(sock, pump, on_backlog=self._watch_for_writing)
        self._session = Session(Role.HOST, max_frame=max_frame)
        self._pending: dict[int, Call] = {}
        self._told: dict[int, Definition] = {}  # definitions sent to catch up, not answered yet
        self._asks: dict[int, Ask] = {}
        self._ids = itertools.count(1)
        self._exited = False
        self._leading: Call | None = None
        self._for_leader: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._reading = threading.Lock()  # held by the one thread that takes messages in
        self._catching_up = threading.Lock()

    def __repr__(self) -> str:
        return f"<Worker {self.child_id}#{self.generation} {self.state} pending={len(self._pending)}>"

    @property
    def pending(self) -> tuple[Call, ...]:
        """The calls it has not answered, oldest first; some may have ended for their callers already."""
        with self._lock:
            return tuple(self._pending.values())

    # --- sending, from any thread ---

    def send(self, call: Call, *, wait: bool) -> bool:
        """Send a call, after the definitions this worker has not seen; False when the worker can take none any more.

        `wait`: stay while too much waits to be written, at most to the call's deadline. The call fails at once when
        it cannot be put on the wire.
        """
        self._catch_up()
        return self._request(call, wait=wait)

    def greet(self, hello: Call) -> bool:
        """Send the call that opens the session."""
        return self._request(hello, wait=False)

    def knows(self, definition: Definition) -> None:
        """This worker has accepted `definition` already, as an ordinary call."""
        self._known.add(definition.position)

    def cancel(self, call: Call, reason: str) -> None:
        """Ask the worker to end a call early."""
        if call.request_id is not None:
            self._say_quietly(Cancel(call.request_id, reason))

    def say(self, message: Message, *, wait_until: float | None = None) -> None:
        """Send a message. Raises OSError when the worker is gone, InvalidValueError or FrameTooLargeError."""
        self._channel.write(self._session.send(message), wait_until=wait_until)

    def answer(self, reply: Result | ErrorReply, *, wait_until: float) -> None:
        """Answer an ask; nothing happens when the worker is gone."""
        self._asks.pop(reply.id, None)
        try:
            self.say(reply, wait_until=wait_until)
        except OSError:
            return
        except InvalidValueError:
            raise
        except LocalProtocolError:
            if self._session.state is not State.CLOSED:
                raise

    def retire(self, why: ExitReason) -> bool:
        """Take no more calls; False when it was past that already."""
        with self._lock:
            if self.state not in (WorkerState.BOOTING, WorkerState.READY):
                return False
            self.state = WorkerState.RETIRING
            self.why = why
            return True

    def end_writing(self) -> None:
        """Close our half of the pipe: a worker stops at once when it reads the end."""
        self._channel.end_writing()

    def kill(self, why: ExitReason) -> None:
        """End its process now; `why` is what its calls are told."""
        self.why = self.why or why
        self.process.kill()

    def let_go(self) -> None:
        """Close the channel without a word; for a forked copy of the host, whose original goes on."""
        self._channel.let_go()

    # --- receiving, on the pump's thread ---

    def watch(self) -> None:
        """Start listening to its channel, its stderr and its end."""
        self._pump.watch(self._channel.fileno(), self._on_channel)
        self._pump.watch(self.process.stderr_fd, self._on_stderr)
        if self.process.pidfd is not None:
            self._pump.watch(self.process.pidfd, self._on_exit)

    def lead(self, call: Call) -> None:
        """Read the channel in the caller's own thread until `call` has ended, unless somebody else does.

        A reply then wakes the thread that waits for it, and not first the pump; and a model that the call asks for
        runs right here, where nothing else could be done anyway. Each saves a switch of threads, of which there are
        few in a call.
        """
        while self._pump.can_pause and not call.has_ended and self._reading.acquire(blocking=False):
            fd = self._channel.fileno()
            try:
                self._pump.pause(fd)
                serve = self._read_for(call)
            finally:
                self._leading = None
                self._reading.release()
                self._pump.resume(fd)
            if serve is None:
                return
            serve()

    def hand_to_leader(self, ask: Ask, serve: Callable[[], None]) -> bool:
        """Have `serve` run by the caller that waits for the ask's own call and is reading now; False if none is."""
        if ask.call is None or ask.call is not self._leading or self._for_leader is not None:
            return False
        self._for_leader = serve
        return True

    def _read_for(self, call: Call) -> Callable[[], None] | None:
        """Take messages in until `call` has ended or has asked for something that this thread is to serve."""
        self._leading = call
        while not call.has_ended and self.state in (WorkerState.READY, WorkerState.RETIRING):
            data = self._channel.await_data()
            if data is not None:
                self._take_in_or_break(data)
            elif self._exited:
                self._lose()
            serve, self._for_leader = self._for_leader, None
            if serve is not None:
                return serve
        return None

    def take_pending(self) -> tuple[Call, ...]:
        """The calls that will not be answered any more, oldest first."""
        with self._lock:
            calls = tuple(self._pending.values())
            self._pending.clear()
        for ask in list(self._asks.values()):
            ask.cancel()
        self._asks.clear()
        return calls

    def release(self) -> None:
        """Let go of every descriptor; on the pump's thread, once the process has been reaped."""
        self._unwatch()
        self.state = WorkerState.GONE
        self.process.read_stderr()
        self._pump.unwatch(self.process.stderr_fd)
        self._channel.close()
        self.process.close()

    def _on_channel(self, events: int) -> None:
        if events & WRITABLE:
            try:
                done = self._channel.flush()
            except OSError:
                done = True  # the reading side will see the end
            if done:
                self._pump.watch(self._channel.fileno(), self._on_channel, READABLE)
        if events & ~WRITABLE and self._reading.acquire(blocking=False):
            try:
                self._receive()
            finally:
                self._reading.release()

    def _take_in_or_break(self, data: bytes) -> None:
        try:
            with delivering():
                self._take_in(data)
        except BaseException:
            # Ctrl-C may come between any two steps here, and what was read is then half delivered.
            self._break("the host was interrupted while it read")
            raise

    def _on_exit(self, _events: int) -> None:
        self._exited = True
        if self.process.pidfd is not None:
            self._pump.unwatch(self.process.pidfd)
        if self._reading.acquire(blocking=False):  # else the leading caller is about to see it
            try:
                self._lose()
            finally:
                self._reading.release()

    def _receive(self) -> bool:
        """Take what has arrived; False when nothing more will."""
        data = self._channel.read()
        return data is not None and self._take_in(data)

    def _take_in(self, data: bytes) -> bool:
        """Act on what was read; False when nothing more will come."""
        self.heard_at = time.monotonic()
        try:
            if data:
                for message in self._session.receive(data):
                    self._take(message)
                return True
            self._session.receive_eof()
        except TruncatedFrameError:
            logger.debug("worker {} ended inside a frame", self.child_id)  # as one that is killed may
        except BrokenFramingError as error:
            self._break(str(error))
            return False
        self._lose()
        return False

    def _take(self, message: Received) -> None:
        match message:
            case Result(id=id, result=value):
                if (call := self._settle(id)) is not None:
                    call.succeed(value)
                    self._listener.worker_replied(self, call)
            case ErrorReply(id=id, fault=fault):
                if (call := self._settle(id)) is not None:
                    fault = fault.reaching(call.progress)
                    call.fail(error_of(fault, timeout_s=call.options.timeout_s))
                    self._listener.worker_replied(self, call)
            case Event(id=id):
                if (call := self._pending.get(id)) is not None:
                    call.receive(message)
            case Request():
                self._ask(message)
            case Cancel():
                if (ask := self._asks.get(message.id)) is not None:
                    ask.cancel()
            case Notice():
                self._note(message)
            case Defect(fault=fault):
                self._break(fault.message)

    def _settle(self, request_id: int) -> Call | None:
        with self._lock:
            call = self._pending.pop(request_id, None)
        if call is None:
            if self._told.pop(request_id, None) is None:
                self.unmatched_replies += 1
            return None
        self.calls_ended += 1
        return call

    def _ask(self, request: Request) -> None:
        owner = request.args.get("call")
        call = self._pending.get(owner) if isinstance(owner, int) else None
        if call is not None:
            call.reach(
                Progress.STARTED if request.command == ReverseCommand.METRIC_CALL else Progress.SIDE_EFFECTS
            )
        ask = Ask(self, request, call)
        self._asks[request.id] = ask
        self._listener.worker_asked(self, ask)

    def _note(self, notice: Notice) -> None:
        match notice.name:
            case NoticeName.READY:
                with self._lock:
                    if self.state is not WorkerState.BOOTING:
                        return
                    self.state = WorkerState.READY
                self.ready_at = time.monotonic()
                self._listener.worker_ready(self)
            case NoticeName.HEARTBEAT:
                rss = notice.data.get("rss")
                self.memory_bytes = rss if isinstance(rss, int) else self.memory_bytes
            case NoticeName.PROTOCOL_ERROR:
                self._break(f"it could not read a frame of ours: {_short(notice.data)}")
            case _:
                logger.debug("worker {} says {}: {}", self.child_id, notice.name, _short(notice.data))

    def _break(self, detail: str) -> None:
        """A frame of the worker made no sense: whose answer it was is unknown, so none of them can be trusted."""
        self.why = self.why or ProtocolBroken(detail)
        if self._enter_lost():
            self._part()

    def _lose(self) -> None:
        """Its pipe or its process has ended. What it said before the end still counts."""
        if self._enter_lost():
            while self._receive():
                continue
            self._part()

    def _enter_lost(self) -> bool:
        with self._lock:
            if self.state in (WorkerState.LOST, WorkerState.GONE):
                return False
            self.state = WorkerState.LOST
            return True

    def _part(self) -> None:
        self._unwatch()
        self._listener.worker_lost(self)

    def _unwatch(self) -> None:
        self._pump.unwatch(self._channel.fileno())
        if self.process.pidfd is not None:
            self._pump.unwatch(self.process.pidfd)

    def _on_stderr(self, _events: int) -> None:
        if not self.process.read_stderr():
            self._pump.unwatch(self.process.stderr_fd)

    # --- writing ---

    def _request(self, call: Call, *, wait: bool) -> bool:
        request_id = next(self._ids)
        with self._lock:
            if self.state in (WorkerState.LOST, WorkerState.GONE):
                return False
            self._pending[request_id] = call
            call.worker, call.request_id = self, request_id
        timeout_ms = max(1, round(call.remaining_s() * 1000))
        try:
            frame = self._session.send(Request(request_id, call.command, call.args, timeout_ms))
            call.reach(Progress.SENT)
            self._channel.write(frame, wait_until=call.deadline if wait else None)
        except InvalidValueError as error:
            return self._unsendable(
                call, request_id, InvalidInputError(error.problem, details={"path": error.path})
            )
        except FrameTooLarge as error:
            return self._unsendable(call, request_id, FrameTooLargeError(size=error.size, limit=error.limit))
        except (OSError, LocalProtocolError):
            with self._lock:
                # Whoever takes the calls of a lost worker may have taken it already; then it is theirs to end.
                return self._pending.pop(request_id, None) is None
        return True

    def _unsendable(self, call: Call, request_id: int, error: Exception) -> bool:
        with self._lock:
            self._pending.pop(request_id, None)
        call.fail(error)
        self._listener.worker_replied(self, call)
        return True

    def _catch_up(self) -> None:
        """Send the definitions that came since the last time, before anything that may name them."""
        if self._applied == self._definitions.head:
            return
        with self._catching_up:
            head = self._definitions.head
            for definition in self._definitions.since(self._applied):
                if definition.position not in self._known:
                    self._tell(definition)
                head = max(head, definition.position)
            self._known = {position for position in self._known if position > head}
            self._applied = head

    def _tell(self, definition: Definition) -> None:
        request_id = next(self._ids)
        self._told[request_id] = definition
        self._say_quietly(Request(request_id, definition.command, definition.args))

    def _say_quietly(self, message: Message) -> None:
        try:
            self.say(message)
        except (OSError, LocalProtocolError):
            return  # it is gone, and with it what this was about

    def _watch_for_writing(self) -> None:
        self._pump.watch(self._channel.fileno(), self._on_channel, READABLE | WRITABLE)


def _short(data: Mapping[str, Any]) -> str:
    return repr(dict(data))[:200]
