"""Bridge: takes calls, sends them to workers, and sees that each one ends exactly once."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from dspash.bridge.ask import Ask, current_ask
from dspash.bridge.call import Call, CallOptions, Standing
from dspash.bridge.deadlines import Deadlines
from dspash.bridge.definitions import Definitions
from dspash.bridge.elastic import ElasticThreads
from dspash.bridge.lifetimes import open_bridges
from dspash.bridge.mailbox import Mailbox
from dspash.bridge.options import BridgeOptions
from dspash.bridge.pool import Pool
from dspash.bridge.pump import Pump
from dspash.bridge.status import BridgeStatus, WorkerStatus
from dspash.bridge.supervisor import Supervisor
from dspash.bridge.worker import Worker
from dspash.errors import ClosedError, OverloadedError, SupervisorGaveUpError, WorkerLostError
from dspash.supervision import CrashReport, Death
from dspash_protocol import DEFINING_COMMANDS, Command, Fault, FaultKind, ReverseCommand

__all__ = ["AskHandler", "Bridge"]

AskHandler: TypeAlias = Callable[[Ask], Any]

_ASIDE: Final = frozenset(map(str, (Command.PING, Command.STATS, Command.LIST, Command.INSPECT_HISTORY)))
"""Commands a worker answers between others; they need no slot."""

_MIB: Final = 1024 * 1024


class Bridge:
    """The workers of one app. Every method may be called from any thread."""

    def __init__(self, options: BridgeOptions, handlers: Mapping[ReverseCommand, AskHandler]) -> None:
        self._options = options
        self._handlers = dict(handlers)
        self._owner_pid = os.getpid()
        self._closing = threading.Lock()
        self._closed_by: Exception | None = None
        self._calls_of_the_gone = 0
        self._unmatched_of_the_gone = 0
        self.definitions = Definitions()
        self._pool: Pool[Worker] = Pool(concurrency=options.concurrency, max_queue=options.max_queue)
        self._mailbox = Mailbox("dspash-supervisor")
        self._pump = Pump("dspash-pump")
        self._lm_threads = ElasticThreads("dspash-lm")
        self._tool_threads = ElasticThreads("dspash-tool")
        self._deadlines = Deadlines(self._mailbox, self._expire)
        self._supervisor = Supervisor(
            options, mailbox=self._mailbox, pump=self._pump, definitions=self.definitions, owner=self
        )
        self._pool.expect(self._supervisor.child_ids)
        open_bridges.add(self)
        self._supervisor.start()

    def __repr__(self) -> str:
        state = "open" if self._closed_by is None else "closed"
        return f"<Bridge {state} workers={len(self._supervisor.workers)} calls={len(self._deadlines)}>"

    # --- calls ---

    def submit(
        self, command: str, args: Mapping[str, Any], options: CallOptions, *, wait: bool = True
    ) -> Call:
        """Make a call; its outcome is in `call.future`.

        When the queue is full it waits for a place, at most to the call's deadline, or with `wait=False` not at all.
        Raises OverloadedError then, ClosedError or SupervisorGaveUpError when there is nobody left to serve it.
        """
        self._check_open()
        call = self._made(command, args, options)
        call.on_end = self._deadlines.discard
        call.on_cancel = self._abandon
        if command in DEFINING_COMMANDS:
            call.on_success = self._record
        worker = self._admit(call, wait=wait and not self._pump.is_current_thread)
        self._deadlines.add(call)
        if worker is not None:
            self._send(worker, call, wait=not self._pump.is_current_thread)
        if self._closed_by is not None:
            call.fail(self._closed_by)  # it was closed while we were on our way
        return call

    def status(self) -> BridgeStatus:
        """A look at everything, without asking the workers."""
        workers = self._supervisor.workers
        closed_by = self._closed_by
        return BridgeStatus(
            workers=tuple(_status_of(worker) for worker in workers),
            queued=self._pool.queued,
            running=sum(worker.busy for worker in workers),
            restarts=self._supervisor.restarts,
            calls=self._calls_of_the_gone + sum(worker.calls_ended for worker in workers),
            unmatched_replies=self._unmatched_of_the_gone
            + sum(worker.unmatched_replies for worker in workers),
            containment=_containment_text(self._supervisor),
            gave_up=closed_by.report.summary() if isinstance(closed_by, SupervisorGaveUpError) else None,
        )

    def close(self) -> None:
        """Fail what is open, stop the workers, end every thread, close every descriptor. Idempotent and bounded."""
        with self._closing:
            if self not in open_bridges:
                return
            open_bridges.discard(self)
            self._closed_by = self._closed_by or ClosedError("app")
            if os.getpid() != self._owner_pid:
                return  # a fork's copy: the workers and threads are its parent's
            self._fail_all(self._closed_by)
            self._mailbox.cast(self._supervisor.stop)
            self._mailbox.close(timeout_s=2 * self._options.shutdown_s + 10.0)
            self._pump.close()
            self._lm_threads.close()
            self._tool_threads.close()

    def abandon_in_fork(self) -> None:
        """In a fork's copy: let go of the descriptors, so that the workers see the end when their real host ends."""
        self._closed_by = ClosedError(f"app of process {self._owner_pid}, of which this one is a fork,")
        for worker in self._supervisor.workers:
            worker.let_go()

    # --- what workers tell, on the pump's thread ---

    def worker_ready(self, worker: Worker) -> None:
        """It can take calls."""
        self._pool.add(worker)
        self._serve(worker)

    def worker_replied(self, worker: Worker, call: Call) -> None:
        """A slot is free."""
        if call.command == Command.HELLO:
            return
        if self._pool.release(worker):
            self._serve(worker)

    def worker_asked(self, worker: Worker, ask: Ask) -> None:
        """It wants something of the host: find who serves it, on a thread of its own."""
        handler = self._handlers.get(ask.command)  # type: ignore[call-overload]
        if handler is None:
            offered = ", ".join(sorted(self._handlers))
            ask.fail(
                Fault(FaultKind.UNKNOWN_COMMAND, f"{ask.command!r} is not offered here; there are {offered}")
            )
            return
        serve = functools.partial(ask.serve, handler)
        is_lm = ask.command.startswith("lm.")
        if is_lm and worker.hand_to_leader(ask, serve):
            return
        threads = self._lm_threads if is_lm else self._tool_threads
        if not threads.start(serve):
            ask.fail(
                Fault(FaultKind.UNAVAILABLE, "too many requests of workers are being served", retryable=True)
            )

    def worker_leaving(self, worker: Worker) -> None:
        """It takes no more calls; those it has go on."""
        self._pool.remove(worker)

    def worker_lost(self, worker: Worker) -> None:
        """Its pipe has ended."""
        self._pool.remove(worker)
        self._mailbox.cast(functools.partial(self._supervisor.lost, worker))

    # --- what the supervisor tells, on the mailbox's thread ---

    def worker_gone(self, worker: Worker, death: Death) -> None:
        """Its process has ended: so do its calls."""
        self._calls_of_the_gone += worker.calls_ended
        self._unmatched_of_the_gone += worker.unmatched_replies
        for call in worker.take_pending():
            call.fail(
                WorkerLostError(
                    generation=worker.generation,
                    exit=death.exit,
                    progress=call.progress,
                    stderr_tail="\n".join(death.stderr_tail),
                    request=call.command,
                )
            )

    def gave_up(self, report: CrashReport) -> None:
        """No worker will come back: nobody waits for one."""
        self._closed_by = SupervisorGaveUpError(report)
        self._fail_all(self._closed_by)
        self._supervisor.stop()

    # --- routing ---

    def _check_open(self) -> None:
        if self._closed_by is not None:
            raise self._closed_by

    def _made(self, command: str, args: Mapping[str, Any], options: CallOptions) -> Call:
        ask = current_ask()
        if ask is not None and ask.worker in self._supervisor.workers:
            return Call(command, args, options, Standing.NESTED, not_after=ask.deadline)
        return Call(command, args, options, Standing.ASIDE if command in _ASIDE else Standing.ORDINARY)

    def _admit(self, call: Call, *, wait: bool) -> Worker | None:
        while True:
            try:
                return self._pool.admit(call)
            except OverloadedError:
                if not wait or not self._pool.wait_for_place(call):
                    raise
                self._check_open()

    def _send(self, worker: Worker, call: Call, *, wait: bool) -> None:
        if call.has_ended:
            if self._pool.release(worker):
                self._serve(worker)
        elif not worker.send(call, wait=wait):
            self._pool.remove(worker)
            self._pool.put_back(call, worker)
            for other in self._supervisor.workers:
                self._serve(other)

    def _serve(self, worker: Worker) -> None:
        """Send `worker` what waits for it while it has free slots."""
        while (call := self._pool.next_for(worker)) is not None:
            self._send(worker, call, wait=False)

    def _record(self, call: Call) -> None:
        definition = self.definitions.append(call.command, call.args)
        if call.worker is not None:
            call.worker.knows(definition)

    # --- ending ---

    def _expire(self, call: Call) -> None:
        if call.time_out():
            self._abandon(call, "its deadline has passed")

    def _abandon(self, call: Call, reason: str) -> None:
        """Nobody waits for this call any more: take it out of the queue, or ask its worker to end it."""
        if self._pool.forget(call):
            return
        worker = call.worker
        if worker is not None:
            worker.cancel(call, reason)
            self._mailbox.cast_after(
                self._options.cancel_grace_s, functools.partial(self._replace_if_still_running, worker, call)
            )

    def _replace_if_still_running(self, worker: Worker, call: Call) -> None:
        if call in worker.pending:
            self._supervisor.overran(worker, call)

    def _fail_all(self, error: Exception) -> None:
        self._pool.drain()
        for call in self._deadlines.drain():
            call.fail(error)


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


def _containment_text(supervisor: Supervisor) -> str:
    containment = supervisor.containment
    return f"{containment.kind} ({containment.reason})" if containment.reason else str(containment.kind)
