"""Bridge: takes calls, sends them to workers, and sees that each one ends exactly once."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from loguru import logger

from dspash.bridge.ask import Ask, current_ask
from dspash.bridge.ask_server import ALL_WAIT, AskHandler, AskServer, Manners
from dspash.bridge.births import Births
from dspash.bridge.call import Call, CallOptions, Standing, is_delivering
from dspash.bridge.deadlines import Deadlines
from dspash.bridge.definitions import Definitions, copy_of
from dspash.bridge.disposables import Disposables
from dspash.bridge.lifetimes import open_bridges
from dspash.bridge.mailbox import Mailbox
from dspash.bridge.nursery import Nursery
from dspash.bridge.options import BridgeOptions
from dspash.bridge.overrun import Overrun
from dspash.bridge.pool import Pool
from dspash.bridge.pump import Pump
from dspash.bridge.sandbox_session import SandboxSession
from dspash.bridge.status import BridgeStatus, WorkerStatus
from dspash.bridge.supervisor import Supervisor
from dspash.bridge.worker import Worker
from dspash.bridge.worker_kind import WorkerKind
from dspash.bridge.worker_state import WorkerState
from dspash.errors import (
    BridgeError,
    CallCancelledError,
    ClosedError,
    ConfigurationError,
    OverloadedError,
    SupervisorGaveUpError,
    WorkerLostError,
)
from dspash.supervision import CrashReport, Death, ProtocolBroken
from dspash_protocol import DEFINING_COMMANDS, Command, Progress, ReverseCommand

__all__ = ["Bridge"]

_ASIDE: Final = frozenset(map(str, (Command.PING, Command.STATS, Command.LIST, Command.INSPECT_HISTORY)))
"""Commands a worker answers between others; they need no slot."""

_OF_THE_BRIDGE: Final = frozenset(map(str, (Command.HELLO, Command.SHUTDOWN)))
"""Commands that begin and end a session: nobody else's to send."""

CLOSING_S: Final = 15.0
"""Beside twice `shutdown_s`; only a callback that does not return makes it take so long."""

_MIB: Final = 1024 * 1024


class Bridge:
    """The workers of one app. Every method may be called from any thread."""

    def __init__(
        self,
        options: BridgeOptions,
        handlers: Mapping[ReverseCommand, AskHandler],
        *,
        manners: Manners = ALL_WAIT,
        births: Births | None = None,
    ) -> None:
        """Serve what workers ask by `handlers`, each called as `manners` say: see AskServer.

        Sandboxed workers come from `births`; by default they are forked.
        """
        self._options = options
        self._asks = AskServer(handlers, manners=manners)
        self._recycle_at = options.recycling.max_calls
        self._ended_by: Callable[[], BridgeError] | None = None
        """What calls are refused with, once it is over."""
        self._closing = threading.Lock()  # held for a look, to tell who closes
        self._closed = threading.Event()
        self._is_copy = False  # in a fork of the process that opened it
        self._calls_of_the_gone = 0
        self._unmatched_of_the_gone = 0
        self.definitions = Definitions()
        self._pool: Pool[Worker] = Pool(concurrency=options.concurrency, max_queue=options.max_queue)
        with contextlib.ExitStack() as undo:
            self._pump = Pump("dspash-pump")
            undo.callback(self._pump.close)
            self._mailbox = Mailbox("dspash-supervisor")
            undo.callback(self._mailbox.close)
            self._deadlines = Deadlines(self._mailbox, Call.time_out)
            self._nursery = Nursery(self._pump, self._mailbox, boot_timeout_s=options.liveness.boot_timeout_s)
            self._supervisor = Supervisor(
                options,
                mailbox=self._mailbox,
                pump=self._pump,
                nursery=self._nursery,
                definitions=self.definitions,
                owner=self,
            )
            self._disposables = Disposables(
                births or self._nursery,
                options,
                mailbox=self._mailbox,
                pump=self._pump,
                asks=self._asks,
                ended_by=lambda: None if self._ended_by is None else self._ended_by(),
            )
            undo.pop_all()
        self._pool.expect(self._supervisor.child_ids)
        open_bridges.add(self)
        self._supervisor.start()

    def __repr__(self) -> str:
        state = "open" if self._ended_by is None else "closed"
        return f"<Bridge {state} workers={len(self._supervisor.workers)} calls={len(self._deadlines)}>"

    # --- calls ---

    def submit(
        self, command: str, args: Mapping[str, Any], options: CallOptions, *, wait: bool = True
    ) -> Call:
        """Make a call; its outcome is in `call.future`.

        When the queue is full it waits for a place, at most to the call's deadline; with `wait=False`, or in a
        callback, not at all. Raises OverloadedError then, ClosedError or SupervisorGaveUpError when there is nobody
        left to serve it, ConfigurationError for a command that is the bridge's own.
        """
        if self._ended_by is not None:
            raise self._ended_by()
        call = self._made(command, args, options)
        wait = wait and not is_delivering()
        worker: Worker | None = None
        try:
            if options.sandbox is not None:
                self._deadlines.add(call)
                self._disposables.submit(call, wait=wait)
            else:
                worker = self._admit(call, wait=wait)
                self._deadlines.add(call)
                if worker is not None:
                    self._send(worker, call, wait=wait)
        except BaseException:
            # Ctrl-C above all: nobody will ever hold this call's future.
            call.cancel("its caller was interrupted")
            if worker is not None:
                self._take_back(worker, call)
            raise
        if self._ended_by is not None:
            call.fail(self._ended_by())  # it ended while the call was on its way
        return call

    def status(self) -> BridgeStatus:
        """A look at everything, without asking the workers."""
        place = {child_id: index for index, child_id in enumerate(self._supervisor.child_ids)}
        workers = sorted(self._supervisor.workers, key=lambda worker: place[worker.child_id])
        return BridgeStatus(
            workers=tuple(_status_of(worker) for worker in workers),
            queued=self._pool.queued,
            running=sum(worker.busy for worker in workers),
            restarts=self._supervisor.restarts,
            calls=self._calls_of_the_gone + sum(worker.calls_ended for worker in self._supervisor.alive),
            unmatched_replies=self._unmatched_of_the_gone
            + sum(worker.unmatched_replies for worker in self._supervisor.alive),
            containment=self._supervisor.containment.describe(),
            sandbox=self._disposables.status(),
            gave_up=self._reason_for_giving_up(),
        )

    def close(self) -> None:
        """Fail what is open, stop the workers, end every thread, close every descriptor. Idempotent and bounded.

        It returns when that is done, also when another thread has begun it. Called in a callback of a call, where
        waiting would be waiting for itself, it only begins it.
        """
        if self._is_copy:
            return
        with self._closing:
            is_first = self in open_bridges
            open_bridges.discard(self)
        if is_first:
            self._end(lambda: ClosedError("app"), then=self._shut_down)
        if is_delivering():
            return
        if not self._closed.wait(2 * self._options.shutdown_s + CLOSING_S):
            logger.error("closing takes too long: a callback does not return; the workers are killed")
            for worker in (*self._supervisor.alive, *self._disposables.alive):
                worker.process.kill()
        self._mailbox.join()
        self._asks.close()

    def abandon_in_fork(self, parent: int) -> None:
        """In a fork's copy: nothing here is its own. The workers must see the end when their real host ends."""
        self._is_copy = True
        self._ended_by = lambda: ClosedError(f"app of process {parent}, of which this one is a fork,")
        self._supervisor.let_go()
        for worker in self._disposables.alive:
            worker.let_go()
        self._nursery.let_go()
        for call in self._deadlines.open_calls:
            call.future.orphan(self._ended_by())

    def expect(self, kind: WorkerKind) -> None:
        """Sandboxed calls of this kind will come: have a worker ready."""
        self._disposables.expect(kind)

    def configure_sandboxes(self, configuration: Mapping[str, Any]) -> None:
        """Most sandboxed calls begin with this configuration: have their workers know it before."""
        self._disposables.configure(configuration)

    def end_session(self, session: SandboxSession) -> None:
        """No more calls come for this session."""
        self._disposables.end_session(session)

    # --- what workers tell, on the thread that reads ---

    def worker_ready(self, worker: Worker) -> None:
        """It can take calls."""
        worker.catch_up()
        self._pool.add(worker)
        if worker.state is not WorkerState.READY:
            self._pool.remove(worker)  # it was retired or lost meanwhile
        self._mailbox.cast(functools.partial(self._supervisor.ready, worker))
        self._serve(worker, self._pool.next_for(worker))

    def worker_told(self, worker: Worker) -> None:
        """It knows what others have accepted."""

    def worker_replied(self, worker: Worker) -> None:
        """A slot is free."""
        following = self._pool.release(worker)
        if following is not None:
            self._serve(worker, following)
        if worker.calls_ended == self._recycle_at:
            self._mailbox.cast(functools.partial(self._supervisor.recycle_if_used_up, worker))

    def worker_asked(self, worker: Worker, ask: Ask) -> None:
        """It wants something of the host."""
        self._asks.serve(worker, ask)

    def worker_overran(self, worker: Worker, overrun: Overrun) -> None:
        """It went past a budget, which no worker of the pool has."""
        worker.kill(ProtocolBroken(f"it went past its {overrun.limit} limit"))

    def worker_lost(self, worker: Worker) -> None:
        """Its pipe has ended."""
        self._pool.remove(worker)
        self._mailbox.cast(functools.partial(self._supervisor.lost, worker))

    # --- what the supervisor tells, on the mailbox's thread ---

    def worker_leaving(self, worker: Worker) -> None:
        """It takes no more calls; those it has go on."""
        self._pool.remove(worker)

    def worker_gone(self, worker: Worker, death: Death) -> None:
        """Its process has ended: so do its calls."""
        self._calls_of_the_gone += worker.calls_ended
        self._unmatched_of_the_gone += worker.unmatched_replies
        stderr_tail = "\n".join(death.stderr_tail)
        for call in worker.take_pending():
            lost = WorkerLostError(
                generation=worker.generation,
                exit=death.exit,
                progress=call.progress,
                stderr_tail=stderr_tail,
                request=call.command,
            )
            call.fail(lost if self._ended_by is None else self._ended_by())

    def gave_up(self, report: CrashReport) -> None:
        """No worker will come back: nobody waits for one."""
        self._end(lambda: SupervisorGaveUpError(report), then=self._supervisor.stop)

    # --- routing ---

    def _made(self, command: str, args: Mapping[str, Any], options: CallOptions) -> Call:
        ask = current_ask()
        if ask is not None and ask.worker.listener in (self, self._disposables):
            call = Call(command, args, options, Standing.NESTED, not_after=ask.deadline)
        else:
            call = Call(command, args, options, Standing.ASIDE if command in _ASIDE else Standing.ORDINARY)
        call.on_end = self._deadlines.discard
        call.on_abandon = self._abandon
        if options.sandbox is not None:
            call.on_abandon = self._abandon_sandboxed
        elif command in DEFINING_COMMANDS:
            call.args = copy_of(args)  # what is sent now and told to other workers later is one and the same
            call.on_outcome = self._record
        elif command in _OF_THE_BRIDGE:
            raise ConfigurationError("command", f"{command!r} is the bridge's own", "use open and close")
        return call

    def _admit(self, call: Call, *, wait: bool) -> Worker | None:
        while True:
            try:
                return self._pool.admit(call)
            except OverloadedError:
                if not wait or not self._pool.wait_for_place(call):
                    raise
                if self._ended_by is not None:
                    raise self._ended_by() from None

    def _send(self, worker: Worker, call: Call, *, wait: bool) -> None:
        """Send a call that has a slot of the worker's; a worker that takes none any more is left to its fate."""
        if call.has_ended:
            self._serve(worker, self._pool.release(worker))
        elif not worker.send(call, wait=wait):
            self._pool.remove(worker)
            self._pool.put_back(call, worker)
            for other in self._supervisor.workers:
                self._serve(other, self._pool.next_for(other))
        elif call.has_ended:
            worker.cancel(call, "it ended while it was being sent")

    def _serve(self, worker: Worker, call: Call | None) -> None:
        """Send `worker` this call, which has a slot of it, and whatever else waits while there are free slots."""
        while call is not None:
            try:
                self._send(worker, call, wait=False)
            except BaseException as error:
                # The caller is elsewhere: it hears of it, and so does whoever interrupted this thread.
                self._take_back(worker, call)
                call.fail(
                    CallCancelledError(reason=f"it could not be sent: {error!r}", progress=call.progress)
                )
                if not isinstance(error, Exception):
                    raise
            call = self._pool.next_for(worker)

    def _take_back(self, worker: Worker, call: Call) -> None:
        """Free the slot of a call that was never written, after something went wrong on its way."""
        if call.worker is None or worker.withdraw(call):
            self._serve(worker, self._pool.release(worker))

    def _record(self, call: Call, error: BaseException | None) -> None:
        """Remember what a worker has accepted, and have the others told."""
        if error is None and call.worker is not None:
            self.definitions.append(call.command, call.args, accepted_by=call.worker.briefing.follower)
            self._mailbox.cast(self._supervisor.spread_definitions)

    # --- ending ---

    def _abandon(self, call: Call, reason: str) -> None:
        """Nobody waits for this call any more: take it out of the queue, or ask its worker to end it."""
        worker = call.worker
        was_waiting = call.progress is Progress.NOT_SENT and self._pool.forget(call)
        if worker is not None and not was_waiting:
            worker.cancel(call, reason)
            self._mailbox.cast_after(
                self._options.cancel_grace_s, functools.partial(self._supervisor.overran, worker, call)
            )

    def _abandon_sandboxed(self, call: Call, _reason: str) -> None:
        self._disposables.abandon(call)

    def _end(self, error: Callable[[], BridgeError], *, then: Callable[[], None]) -> None:
        """Refuse all calls from now on, have `then` done, and fail those that are open. The first reason stays.

        In this order: a callback of one of these calls may wait for the end of it all.
        """
        self._ended_by = ended_by = self._ended_by or error
        self._pool.close()
        self._mailbox.cast(then)
        for call in self._deadlines.drain():
            call.fail(ended_by())

    def _shut_down(self) -> None:
        with contextlib.ExitStack() as always:
            always.callback(self._closed.set)
            always.callback(self._mailbox.close)
            always.callback(self._pump.close)
            always.callback(self._nursery.close)
            always.callback(self._disposables.close)
            self._supervisor.stop()

    def _reason_for_giving_up(self) -> str | None:
        error = None if self._ended_by is None else self._ended_by()
        return error.report.summary() if isinstance(error, SupervisorGaveUpError) else None


def _status_of(worker: Worker) -> WorkerStatus:
    return WorkerStatus(
        id=worker.child_id,
        pid=worker.process.pid,
        generation=worker.generation,
        state=str(worker.state),
        busy=worker.busy,
        calls=worker.calls_ended,
        memory_mb=None if worker.memory_bytes is None else worker.memory_bytes / _MIB,
        age_s=time.monotonic() - worker.started_at,
    )
