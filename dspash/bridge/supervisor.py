"""Supervisor: starts, watches, replaces and stops the workers, all on one mailbox's thread."""

from __future__ import annotations

import functools
import math
import random
import time
from typing import Any, Final, Protocol

import psutil
from loguru import logger

from dspash.bridge.call import Call, CallOptions
from dspash.bridge.containment import Containment, ContainmentKind, find_containment
from dspash.bridge.definitions import Definitions
from dspash.bridge.environment import worker_environment
from dspash.bridge.mailbox import Mailbox
from dspash.bridge.options import BridgeOptions
from dspash.bridge.process import LaunchSpec, launch
from dspash.bridge.pump import Pump
from dspash.bridge.worker import Listener, Worker, WorkerState
from dspash.supervision import (
    ChildSpec,
    CrashReport,
    Death,
    ExitReason,
    Forget,
    GiveUp,
    Hung,
    Overran,
    Phase,
    ProcessState,
    ProtocolBroken,
    RestartHistory,
    StartAgain,
    StartFailed,
    StoppedByOwner,
    Vitals,
    WorkerUse,
    decide,
    judge,
    recycle,
    stop_order,
)
from dspash_protocol import PROTOCOL_VERSION, Command

__all__ = ["Supervisor", "SupervisorOwner"]

LOOK_S: Final = 1.0  # between looks at the workers' health
DYING_S: Final = 0.05  # a process whose pipe has closed is given this long to end by itself, so that its own reason is told
REAP_S: Final = 5.0  # after a SIGKILL; only a process stuck in the kernel takes longer


class SupervisorOwner(Listener, Protocol):
    """Whom the supervisor tells, on its mailbox's thread, what only the owner can act on."""

    def worker_gone(self, worker: Worker, death: Death) -> None: ...
    def gave_up(self, report: CrashReport) -> None: ...


class Supervisor:
    """One-for-one supervision of `workers` children, by the rules of dspash.supervision."""

    def __init__(
        self,
        options: BridgeOptions,
        *,
        mailbox: Mailbox,
        pump: Pump,
        definitions: Definitions,
        owner: SupervisorOwner,
    ) -> None:
        self._options = options
        self._mailbox = mailbox
        self._pump = pump
        self._definitions = definitions
        self._owner = owner
        self._history = RestartHistory()
        self._generations: dict[str, int] = {}
        self._workers: dict[str, Worker] = {}
        self._leaving: set[Worker] = set()
        self._cpu: dict[int, tuple[float, float]] = {}
        self._stopping = False
        self.containment: Containment = (
            find_containment()
            if options.contain
            else Containment(ContainmentKind.PROCESS_GROUP, reason="switched off by contain=False")
        )
        self._children: dict[str, ChildSpec[LaunchSpec]] = {
            f"worker-{number}": ChildSpec(
                f"worker-{number}", self._launch_spec(), shutdown_s=options.shutdown_s
            )
            for number in range(1, options.workers + 1)
        }

    def __repr__(self) -> str:
        return f"<Supervisor children={len(self._children)} leaving={len(self._leaving)}>"

    @property
    def child_ids(self) -> tuple[str, ...]:
        """The children in the order of their start."""
        return tuple(self._children)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The present generation of every child that has one."""
        return tuple(self._workers.values())

    @property
    def restarts(self) -> int:
        """How many generations were started beyond each child's first."""
        return sum(generation - 1 for generation in self._generations.values())

    def start(self) -> None:
        """Start every child and begin to watch them."""
        for child_id in self._children:
            self._mailbox.cast(functools.partial(self._start_child, child_id))
        self._mailbox.cast_after(LOOK_S, self._look)

    def lost(self, worker: Worker) -> None:
        """The worker's pipe has ended; its process follows, or is helped to."""
        if worker.process.poll() is not None:
            self._bury(worker)
            return
        if worker.why is not None:
            worker.process.kill()
        self._mailbox.cast_after(
            0.001, functools.partial(self._await_end, worker, time.monotonic() + DYING_S)
        )

    def overran(self, worker: Worker, call: Call) -> None:
        """A call went on after its end was asked for: replace the worker, leaving its other calls time to end."""
        grace_s = self._options.cancel_grace_s
        self.replace(worker, Overran(call.command, grace_s))

    def replace(self, worker: Worker, why: ExitReason) -> None:
        """Put a fresh generation in the worker's place, drain the old one, then end it."""
        if not worker.retire(why):
            return
        self._owner.worker_leaving(worker)
        self._leaving.add(worker)
        self._start_child(worker.child_id)
        self._drain(worker, time.monotonic() + self._options.retire_grace_s)

    def stop(self) -> None:
        """Stop every child, the last started first, within `shutdown_s`; on the mailbox's thread.

        Close its pipe, upon which a worker ends at once whatever it is doing; wait; kill what is left; reap.
        """
        self._stopping = True
        order = stop_order(tuple(self._children.values()))
        workers = [
            *self._leaving,
            *(self._workers[child_id] for child_id in order if child_id in self._workers),
        ]
        for worker in workers:
            worker.why = worker.why or StoppedByOwner()
            worker.end_writing()
        deadline = time.monotonic() + self._options.shutdown_s
        for worker in workers:
            if worker.process.wait(max(0.0, deadline - time.monotonic())) is None:
                worker.process.kill()
        for worker in workers:
            worker.process.wait(REAP_S)
            self._bury(worker)

    # --- starting ---

    def _launch_spec(self) -> LaunchSpec:
        options = self._options
        arguments = ("--concurrency", str(options.concurrency), "--max-frame", str(options.max_frame))
        environment = worker_environment(options.environment, python_path=options.python_path)
        return LaunchSpec(options.python, arguments, environment, self.containment, options.cwd)

    def _start_child(self, child_id: str) -> None:
        if self._stopping:
            return
        generation = self._generations.get(child_id, 0) + 1
        self._generations[child_id] = generation
        try:
            process, sock = launch(self._children[child_id].start)
        except OSError as error:
            self._after_death(
                Death(child_id, generation, StartFailed(f"it could not be spawned: {error}"), ready_s=None)
            )
            return
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
        self._workers[child_id] = worker
        worker.watch()
        worker.greet(self._hello(worker))

    def _hello(self, worker: Worker) -> Call:
        liveness = self._options.liveness
        args = {
            "protocol": PROTOCOL_VERSION,
            "features": ["events", "reverse", "cancel"],
            "max_frame": self._options.max_frame,
            "heartbeat_s": liveness.heartbeat_s,
        }
        hello = Call(Command.HELLO, args, CallOptions(timeout_s=liveness.boot_timeout_s))
        hello.future.add_done_callback(functools.partial(self._after_hello, worker))
        return hello

    def _after_hello(self, worker: Worker, answered: Any) -> None:
        error = answered.exception()
        if error is not None and worker.state is WorkerState.BOOTING:
            worker.kill(StartFailed(f"it refused the handshake: {error}"))

    # --- watching ---

    def _look(self) -> None:
        if self._stopping:
            return
        for worker in self.workers:
            self._look_at(worker)
        self._mailbox.cast_after(LOOK_S, self._look)

    def _look_at(self, worker: Worker) -> None:
        if worker.state not in (WorkerState.BOOTING, WorkerState.READY):
            return
        now = time.monotonic()
        booting = worker.state is WorkerState.BOOTING
        since = worker.started_at if booting else worker.heard_at
        limits = self._options.liveness
        if booting or now - since > limits.heartbeat_s:
            vitals = self._vitals(worker, Phase.BOOTING if booting else Phase.RUNNING, now - since)
            verdict = judge(vitals, limits) if vitals is not None else None
            if isinstance(verdict, Hung | StartFailed):
                worker.kill(verdict)
                return
        if not booting:
            age_s = now - (worker.ready_at or now)
            use = WorkerUse(calls=worker.calls_ended, age_s=age_s, memory_bytes=worker.memory_bytes or 0)
            why = recycle(self._options.recycling, use)
            if why is not None:
                self.replace(worker, why)

    def _vitals(self, worker: Worker, phase: Phase, silent_s: float) -> Vitals | None:
        """A look at the process itself; None when it is gone already."""
        pid = worker.process.pid
        try:
            process = psutil.Process(pid)
            times, state = process.cpu_times(), ProcessState.from_word(process.status())
        except psutil.Error:
            return None
        now, used_s = time.monotonic(), times.user + times.system
        before_at, before_s = self._cpu.get(pid, (now, used_s))
        self._cpu[pid] = (now, used_s)
        share = (used_s - before_s) / (now - before_at) if now > before_at else 0.0
        return Vitals(phase, silent_s, share, state)

    # --- ending ---

    def _drain(self, worker: Worker, until: float) -> None:
        if worker.state is not WorkerState.RETIRING:
            return
        running = any(not call.has_ended for call in worker.pending)
        if running and time.monotonic() < until:
            self._mailbox.cast_after(0.02, functools.partial(self._drain, worker, until))
            return
        worker.end_writing()
        self._mailbox.cast_after(DYING_S, worker.process.kill)

    def _await_end(self, worker: Worker, until: float) -> None:
        """Wait for the process to be reaped, in small steps, killing it when it takes too long."""
        if worker.process.poll() is not None:
            self._bury(worker)
        elif time.monotonic() < until:
            self._mailbox.cast_after(0.001, functools.partial(self._await_end, worker, until))
        elif until < math.inf:
            worker.why = worker.why or ProtocolBroken("it closed its end of the pipe and lived on")
            worker.process.kill()
            self._mailbox.cast_after(REAP_S, functools.partial(self._bury, worker))
            self._mailbox.cast(functools.partial(self._await_end, worker, math.inf))

    def _bury(self, worker: Worker) -> None:
        """The process has ended: end its calls, let go of what it held, and decide what follows."""
        if worker.state is WorkerState.GONE:
            return
        in_flight = tuple(call.command for call in worker.pending if not call.has_ended and _is_users(call))
        self._pump.run(worker.release)
        exit_reason = (
            worker.why or worker.process.poll() or ProtocolBroken("it does not end, even when killed")
        )
        death = Death(
            worker.child_id,
            worker.generation,
            exit_reason,
            ready_s=None if worker.ready_at is None else time.monotonic() - worker.ready_at,
            stderr_tail=worker.process.stderr_tail,
            in_flight=in_flight,
            memory_bytes=worker.memory_bytes,
        )
        self._owner.worker_gone(worker, death)
        self._cpu.pop(worker.process.pid, None)
        if worker in self._leaving:
            self._leaving.discard(worker)
            return
        if self._workers.get(worker.child_id) is worker:
            del self._workers[worker.child_id]
        self._after_death(death)

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
                logger.info(
                    "worker {} {}; starting again in {:.2f} s", death.child_id, death.exit.describe(), after_s
                )
                start = functools.partial(self._start_child, death.child_id)
                if after_s > 0:
                    self._mailbox.cast_after(after_s, start)
                else:
                    start()
            case Forget():
                return
            case GiveUp(report=report):
                self._owner.gave_up(report)


def _is_users(call: Call) -> bool:
    return call.command != Command.HELLO
