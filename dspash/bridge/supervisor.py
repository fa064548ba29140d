"""Supervisor: starts, watches, replaces and stops the workers, all on one mailbox's thread."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from loguru import logger

from dspash.bridge.burial import Burials
from dspash.bridge.call import Call
from dspash.bridge.checkup import Checkup
from dspash.bridge.greeting import greet
from dspash.bridge.listener import Listener
from dspash.bridge.scarcity import wait_after
from dspash.bridge.starts import Starts
from dspash.bridge.worker import Worker
from dspash.bridge.worker_state import WorkerState
from dspash.supervision import (
    ChildSpec,
    CrashReport,
    Death,
    ExitReason,
    Forget,
    GiveUp,
    Overran,
    ProtocolBroken,
    Recycled,
    RestartHistory,
    StartAgain,
    StartFailed,
    StoppedByOwner,
    WorkerUse,
    decide,
    recycle,
    stop_order,
)
from dspash_protocol import Command

if TYPE_CHECKING:
    import socket

    from dspash.bridge.definitions import Definitions
    from dspash.bridge.forked import ForkedProcess
    from dspash.bridge.launch import LaunchSpec
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.nursery import Nursery
    from dspash.bridge.options import BridgeOptions
    from dspash.bridge.process import Process
    from dspash.bridge.pump import Pump
    from dspash.sandbox.containment import Containment

__all__ = ["Supervisor", "SupervisorOwner"]

LOOK_S: Final = 1.0  # between looks at the workers' health, at most
SHORTEST_LOOK_S: Final = 0.05
DRAIN_LOOK_S: Final = 0.02  # between looks whether a worker's last calls have ended
LEAVING_S: Final = 1.0  # what a worker may take to end once it was told to, with nothing left to do
RECYCLE_AGAIN_S: Final = 30.0  # after a successor that did not come up


class SupervisorOwner(Listener, Protocol):
    """Whom the supervisor tells, on its mailbox's thread, what only the owner can act on."""

    def worker_leaving(self, worker: Worker) -> None: ...
    def worker_gone(self, worker: Worker, death: Death) -> None: ...
    def gave_up(self, report: CrashReport) -> None: ...


@dataclass(frozen=True, slots=True)
class _Successor:
    """A generation that boots while the one before it still works, and why that one is to go."""

    worker: Worker
    why: Recycled


class Supervisor:
    """One-for-one supervision of `workers` children, by the rules of dspash.supervision.

    Everything but the properties belongs to the mailbox's thread. That thread starts the processes, too: the kernel
    ends a worker when the *thread* that started it does.
    """

    def __init__(
        self,
        options: BridgeOptions,
        *,
        mailbox: Mailbox,
        pump: Pump,
        nursery: Nursery,
        definitions: Definitions,
        owner: SupervisorOwner,
    ) -> None:
        self._options = options
        self._mailbox = mailbox
        self._pump = pump
        self._definitions = definitions
        self._owner = owner
        self._checkup = Checkup(options.liveness)
        self._look_s = min(LOOK_S, max(SHORTEST_LOOK_S, options.liveness.heartbeat_s))
        self._history = RestartHistory()
        self._generations: dict[str, int] = {}
        self._burials = Burials(mailbox, self._mourn)
        self._present: dict[str, Worker] = {}  # the one of each child that serves, or will
        self._successors: dict[str, _Successor] = {}
        self._awaited: set[str] = set()  # children whose next process waits for a zygote
        self._recycle_from = 0.0
        self._stopping = False
        self._starts = Starts(options, nursery, mailbox=mailbox, pump=pump)
        self._children: dict[str, ChildSpec[LaunchSpec]] = {
            f"worker-{number}": ChildSpec(
                f"worker-{number}", self._starts.spec, shutdown_s=options.shutdown_s
            )
            for number in range(1, options.workers + 1)
        }

    def __repr__(self) -> str:
        return f"<Supervisor children={len(self._children)} alive={len(self.alive)}>"

    # --- to look at, from any thread ---

    @property
    def containment(self) -> Containment:
        """What holds a worker's descendants together."""
        return self._starts.containment

    @property
    def child_ids(self) -> tuple[str, ...]:
        """The children in the order of their start."""
        return tuple(self._children)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The present generation of every child that has one."""
        return tuple(self._present.values())

    @property
    def alive(self) -> tuple[Worker, ...]:
        """Every worker that has not been buried: those present, those leaving and those to come."""
        return self._burials.alive

    @property
    def restarts(self) -> int:
        """How many generations were started beyond each child's first."""
        return sum(generation - 1 for generation in tuple(self._generations.values()))

    # --- what it is told to do ---

    def start(self) -> None:
        """Start every child and begin to watch them. From any thread."""
        for child_id in self._children:
            self._mailbox.cast(functools.partial(self._start_child, child_id))
        self._mailbox.cast_after(self._look_s, self._look)

    def ready(self, worker: Worker) -> None:
        """The worker takes calls. If it was to take another's place, that one may go."""
        self._starts.prepare()
        successor = self._successors.get(worker.child_id)
        if successor is None or successor.worker is not worker:
            return
        del self._successors[worker.child_id]
        before = self._present.get(worker.child_id)
        self._present[worker.child_id] = worker
        if before is not None:
            self._retire(before, successor.why)

    def lost(self, worker: Worker) -> None:
        """The worker's pipe has ended; its process follows, or is helped to."""
        self._burials.lost(worker)

    def overran(self, worker: Worker, call: Call) -> None:
        """A call goes on after its end was asked for: start a fresh generation, and let the other calls here end."""
        if worker.has_pending(call) and self._retire(
            worker, Overran(call.command, self._options.cancel_grace_s)
        ):
            self._start_child(worker.child_id)

    def spread_definitions(self) -> None:
        """Tell every worker what others have accepted, before it is asked for it."""
        for worker in self.alive:
            if worker.state is WorkerState.READY:
                worker.catch_up()

    def recycle_if_used_up(self, worker: Worker) -> None:
        """Start the successor of a worker past its limits. One at a time, so that the others carry the load."""
        now = time.monotonic()
        undisturbed = not self._awaited and len(self.alive) == len(self._present) == len(self._children)
        if self._stopping or not undisturbed or now < self._recycle_from or worker.ready_at is None:
            return
        use = WorkerUse(
            calls=worker.calls_ended, age_s=now - worker.ready_at, memory_bytes=worker.memory_bytes or 0
        )
        why = recycle(self._options.recycling, use)
        if why is None or self._present.get(worker.child_id) is not worker:
            return

        def succeed(successor: Worker) -> None:
            self._successors[worker.child_id] = _Successor(successor, why)

        self._spawn(
            worker.child_id,
            succeed,
            lambda error: self._postpone_recycling(f"could not be spawned: {error}"),
        )

    def stop(self) -> None:
        """Stop every child, the last started first, within `shutdown_s`.

        Close its pipe, upon which a worker ends at once whatever it is doing; wait; kill what is left; reap.
        """
        self._stopping = True
        order = stop_order(tuple(self._children.values()))
        workers = sorted(self.alive, key=lambda worker: order.index(worker.child_id))
        for worker in workers:
            worker.why = worker.why or StoppedByOwner()
            worker.finish(even_if_busy=True)
        self._burials.reap(workers, self._options.shutdown_s)
        self._burials.kill_all(workers)
        self._starts.close()

    def let_go(self) -> None:
        """Close every channel without a word; for a forked copy of the host, whose original goes on."""
        for worker in self.alive:
            worker.let_go()
        self._starts.let_go()

    # --- starting ---

    def _start_child(self, child_id: str, tries: int = 0) -> None:
        """Put the next generation in the child's place: its successor if one was started already, else a fresh one."""
        if self._stopping:
            return
        successor = self._successors.pop(child_id, None)
        if successor is not None:
            self._present[child_id] = successor.worker
            return

        def take_place(worker: Worker) -> None:
            self._present[child_id] = worker

        def fail(error: Exception) -> None:
            if (wait_s := wait_after(error, tries)) is not None:
                logger.warning("worker {} waits to be started: {}", child_id, error)
                self._mailbox.cast_after(wait_s, functools.partial(self._start_child, child_id, tries + 1))
                return
            self._generations[child_id] = generation = self._generations.get(child_id, 0) + 1
            failure = StartFailed(f"it could not be spawned: {error}")
            self._after_death(Death(child_id, generation, failure, ready_s=None))

        self._spawn(child_id, take_place, fail)

    def _spawn(
        self, child_id: str, on_started: Callable[[Worker], None], on_failed: Callable[[Exception], None]
    ) -> None:
        """Start the child's next generation; one of the two is told, at once or when there is a zygote to fork it.

        Whatever keeps it from starting is a failed start: calls wait for a worker, or for word that there is none.
        """

        def begin(process: Process | ForkedProcess, sock: socket.socket) -> None:
            self._awaited.discard(child_id)
            try:
                worker = self._begin(child_id, process, sock)
            except Exception as error:  # noqa: BLE001 - see above
                sock.close()
                process.kill()
                process.wait(LEAVING_S)
                on_failed(error)
                return
            on_started(worker)
            if self._stopping:  # it was over while the zygote came up
                worker.kill(StoppedByOwner())

        def fail(error: Exception) -> None:
            self._awaited.discard(child_id)
            on_failed(error)

        self._awaited.add(child_id)
        try:
            self._starts.begin(begin, fail)
        except Exception as error:
            if child_id not in self._awaited:
                raise  # what followed went wrong: it was told already how the start went
            fail(error)

    def _begin(self, child_id: str, process: Process | ForkedProcess, sock: socket.socket) -> Worker:
        """Watch and greet a generation that has been started."""
        self._generations[child_id] = generation = self._generations.get(child_id, 0) + 1
        worker = Worker(
            child_id,
            generation,
            process,
            sock,
            pump=self._pump,
            listener=self._owner,
            definitions=self._definitions,
            max_frame=self._options.max_frame,
        )
        self._burials.add(worker)
        worker.watch()
        liveness = self._options.liveness
        greet(
            worker,
            max_frame=self._options.max_frame,
            heartbeat_s=liveness.heartbeat_s,
            timeout_s=liveness.boot_timeout_s,
        )
        return worker

    # --- watching ---

    def _look(self) -> None:
        """Look at the workers once the pump has read what waits: heartbeats do, when it is the host that stood still."""
        if not self._stopping:
            self._pump.run(functools.partial(self._mailbox.cast, self._look_at_all))
            self._mailbox.cast_after(self._look_s, self._look)

    def _look_at_all(self) -> None:
        for worker in self.alive:
            fault = self._checkup.find_fault(worker)
            if fault is not None:
                worker.kill(fault)
            else:
                self.recycle_if_used_up(worker)

    def _postpone_recycling(self, problem: str) -> None:
        logger.warning("a worker that was to be recycled goes on, as its successor {}", problem)
        self._recycle_from = time.monotonic() + RECYCLE_AGAIN_S

    # --- ending ---

    def _retire(self, worker: Worker, why: ExitReason) -> bool:
        """Take the worker out of service, let its calls end, then end it; False when that was begun before."""
        if not worker.retire(why):
            return False
        if self._present.get(worker.child_id) is worker:
            del self._present[worker.child_id]
        self._owner.worker_leaving(worker)
        self._drain(worker, time.monotonic() + self._options.retire_grace_s)
        return True

    def _drain(self, worker: Worker, until: float) -> None:
        if worker.finish(even_if_busy=time.monotonic() >= until):
            self._mailbox.cast_after(LEAVING_S, worker.process.kill)
        else:
            self._mailbox.cast_after(DRAIN_LOOK_S, functools.partial(self._drain, worker, until))

    def _mourn(self, worker: Worker) -> None:
        """It is gone: tell what became of it, and decide what follows."""
        worker.briefing.end()
        self._checkup.forget(worker)
        process = worker.process
        death = Death(
            worker.child_id,
            worker.generation,
            worker.why or process.poll() or ProtocolBroken("it does not end, even when killed"),
            ready_s=None if worker.ready_at is None else time.monotonic() - worker.ready_at,
            stderr_tail=process.stderr.lines,
            in_flight=tuple(call.command for call in worker.pending if call.command != Command.HELLO),
            memory_bytes=worker.memory_bytes,
        )
        self._owner.worker_gone(worker, death)
        successor = self._successors.get(worker.child_id)
        if successor is not None and successor.worker is worker:
            del self._successors[worker.child_id]
            self._postpone_recycling(death.exit.describe())
        elif self._present.get(worker.child_id) is worker:
            del self._present[worker.child_id]
            self._after_death(death)
        process.sweep()

    def _after_death(self, death: Death) -> None:
        if self._stopping:
            return
        decision = decide(
            self._children[death.child_id],
            death,
            self._history,
            time.monotonic(),
            intensity=self._options.intensity,
            backoff=self._options.backoff,
            random=random.random,
        )
        match decision:
            case StartAgain(after_s=after_s, history=history):
                self._history = history
                why = death.exit.describe()
                logger.info("worker {} {}; starting again in {:.2f} s", death.child_id, why, after_s)
                self._mailbox.cast_after(after_s, functools.partial(self._start_child, death.child_id))
            case Forget():
                return
            case GiveUp(report=report):
                self._owner.gave_up(report)
