"""Disposables: sandboxed calls, each in a worker of its own that is ended with it."""

from __future__ import annotations

import functools
import itertools
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from dspash.bridge.admission import Admission
from dspash.bridge.burial import Burials
from dspash.bridge.call import Call
from dspash.bridge.definitions import Definitions
from dspash.bridge.grants import AskRefusedError
from dspash.bridge.greeting import greet
from dspash.bridge.memory_groups import MemoryGroups
from dspash.bridge.rehearsal import configuring, rehearsal
from dspash.bridge.sandboxed import Sandboxed, order_of
from dspash.bridge.spares import Spares
from dspash.bridge.status import SandboxStatus
from dspash.bridge.stay import Stay
from dspash.bridge.stream_budget import StreamBudget
from dspash.bridge.worker import Worker
from dspash.bridge.worker_kind import WorkerKind
from dspash.errors import BridgeError, DspashError, OverloadedError, WorkerLostError
from dspash.supervision import ExitReason, ProtocolBroken, StartFailed, StoppedByOwner, ZygoteLost
from dspash_protocol import ReverseCommand

if TYPE_CHECKING:
    from dspash.bridge.ask import Ask
    from dspash.bridge.ask_server import AskServer
    from dspash.bridge.births import Births
    from dspash.bridge.forked import ForkedProcess
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.options import BridgeOptions
    from dspash.bridge.overrun import Overrun
    from dspash.bridge.process import Process
    from dspash.bridge.pump import Pump
    from dspash.bridge.sandbox_session import SandboxSession

__all__ = ["Disposables"]

UNKNOWN_LOOK_S: Final = 0.001  # what a worker says may be here before what its zygote says of it
DYING_S: Final = 0.5  # nobody waits for its place but other calls: its own reason is worth more than the time
RESTOCK_S: Final = 0.005  # a birth takes a processor for so long that a short call is let by first
TIDY_S: Final = 5.0  # between looks for spares that are kept for nothing
BOOT_FRAMES: Final = 64
BOOT_OUTPUT_BYTES: Final = 1 << 20


class Disposables:
    """Gives each call a worker that is ready, ends that worker at the result, and has another one made.

    Any thread may start a call. What one does to its worker touches no other: a place, a budget, a worker are its own.
    """

    def __init__(
        self,
        births: Births,
        options: BridgeOptions,
        *,
        mailbox: Mailbox,
        pump: Pump,
        asks: AskServer,
        ended_by: Callable[[], BridgeError | None],
    ) -> None:
        self._births = births
        self._mailbox = mailbox
        self._pump = pump
        self._asks = asks
        self._ended_by = ended_by  # why no call is served any more, once that is so
        self._boot_timeout_s = options.liveness.boot_timeout_s
        self._admission = Admission(places=options.sandboxes, max_queue=options.max_queue)
        self._spares: Spares[WorkerKind, Worker, Call] = Spares(most=options.spares)
        self._memory_groups = MemoryGroups()
        self._burials = Burials(mailbox, self._gone, dying_s=DYING_S)
        self._kinds: dict[Worker, WorkerKind] = {}
        self._asked_at: dict[Worker, float] = {}
        self._stays: dict[Worker, Stay] = {}
        self._numbers = itertools.count(1)
        self._configuration: Mapping[str, Any] = {}
        self._nothing = Definitions()  # what a worker knows that has no call yet
        self._closed = False
        self._is_tidying = False
        self._calls = 0
        self._cpu_s = 0.0
        self._refused: Counter[str] = Counter()
        self._limits: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Disposables running={len(self._stays)} {self._admission!r} {self._spares!r}>"

    # --- calls, from any thread ---

    def submit(self, call: Call, *, wait: bool) -> None:
        """Serve `call`, whose options name a sandbox, or queue it.

        Raises OverloadedError when the queue is full, with `wait` at the call's deadline; ReentrancyError for a nested
        call of a session that is busy.
        """
        while True:
            try:
                may_run = self._admission.admit(call)
                break
            except OverloadedError:
                if not wait or not self._admission.wait_for_room(call) or self._closed:
                    raise
        if may_run:
            self._place(call)

    def abandon(self, call: Call) -> None:
        """Nobody waits for it any more. Where it runs, its outcome has ended its worker."""
        if not self._admission.forget(call) and self._spares.withdraw(order_of(call).kind, call):
            self._leave(call)

    def expect(self, kind: WorkerKind) -> None:
        """Calls will come: have a worker ready before the first."""
        self._spares.expect(kind)
        self._mailbox.cast(self._restock)

    def configure(self, configuration: Mapping[str, Any]) -> None:
        """Most calls begin with this configuration: have workers know it before."""
        self._configuration = configuration

    def end_session(self, session: SandboxSession) -> None:
        """Keep no worker for it any more; a call that runs goes on."""
        worker = session.close()
        if worker is not None:
            worker.end_at_once(StoppedByOwner())

    def status(self) -> SandboxStatus:
        """How things stand at this moment."""
        return SandboxStatus(
            running=len(self._stays),
            queued=self._admission.queued,
            spares=self._spares.ready,
            calls=self._calls,
            cpu_s=self._cpu_s,
            refused=dict(self._refused),
            limits=dict(self._limits),
        )

    @property
    def alive(self) -> tuple[Worker, ...]:
        """Every worker that has not been buried."""
        return self._burials.alive

    def close(self) -> None:
        """End every worker; on the mailbox's thread. Their calls have been failed before."""
        self._closed = True
        self._admission.close()
        self._spares.drain()
        alive = self._burials.alive
        for worker in alive:
            worker.why = worker.why or StoppedByOwner()
        self._burials.kill_all(alive)
        self._memory_groups.close()

    # --- from a place to a worker and back ---

    def _place(self, call: Call) -> None:
        """`call` has a place: hand it to a worker that is there, or put it in line for the next."""
        order = order_of(call)
        worker = None if order.session is None else order.session.take()
        if worker is None:
            worker = self._spares.claim(order.kind, call)
            if worker is None:
                self._mailbox.cast(self._restock)
            else:
                self._mailbox.cast_after(RESTOCK_S, self._restock)
        if worker is not None:
            self._hand_off(worker, call)

    def _hand_off(self, worker: Worker, call: Call) -> None:
        order = order_of(call)
        if call.has_ended:
            self._take_back(worker, order)
            self._leave(call)
            return
        stay = self._stays[worker] = Stay(worker, call, order, self._mailbox, self._memory_groups)
        try:
            begun = stay.begin()
        except BaseException:
            worker.end_at_once(StoppedByOwner())  # interrupted: nobody knows what it was told
            raise
        if not begun:
            self._stays.pop(worker, None)
            self._place(call)  # it has died since it was ready
        elif call.has_ended:
            stay.end()

    def _take_back(self, worker: Worker, order: Sandboxed) -> None:
        """A worker was not used after all."""
        if order.session is not None and order.session.keep(worker):
            return
        claimant = self._spares.returned(order.kind, worker)
        if claimant is not None:
            self._hand_off(worker, claimant)

    def _leave(self, call: Call) -> None:
        """`call`, which had a place, needs it no more: the next one has it."""
        following = self._admission.leave(call)
        if following is not None:
            self._place(following)

    # --- what workers tell, on the thread that reads ---

    def worker_ready(self, worker: Worker) -> None:
        """It is confined, and can take a call."""
        kind = self._kinds.get(worker)
        if kind is None:
            return
        missing = kind.plan.layers - worker.layers
        if missing and kind.spec.tier.is_sandbox:
            worker.kill(StartFailed(f"it did not apply {', '.join(sorted(missing))}"))
            return
        is_awaited, heard = self._spares.is_awaited(kind), kind.plan.options.opening
        if heard or not is_awaited:
            worker.briefing.configuration = self._configuration
            worker.tell((configuring(self._configuration),), heard=heard)
        if is_awaited:
            self._arrive(worker, kind)
        else:
            worker.tell(rehearsal())

    def worker_told(self, worker: Worker) -> None:
        """It has rehearsed, or has taken the definitions of its call."""
        kind = self._kinds.get(worker)
        if kind is not None and worker in self._asked_at:
            self._arrive(worker, kind)

    def _arrive(self, worker: Worker, kind: WorkerKind) -> None:
        """It takes calls from now on: once its number is known, by which it is measured."""
        if worker not in self._asked_at:
            return  # it has ended meanwhile
        if worker.process.pid == 0:
            self._mailbox.cast_after(UNKNOWN_LOOK_S, functools.partial(self._arrive, worker, kind))
            return
        if kind.spec.tier.is_sandbox:
            self._memory_groups.enrol(worker.process, kind.plan.limits.data_bytes)
        birth_s = time.monotonic() - self._asked_at.pop(worker)
        claimant = self._spares.arrived(kind, worker, birth_s)
        if claimant is not None:
            self._hand_off(worker, claimant)
        self._mailbox.cast(self._restock)

    def worker_replied(self, worker: Worker) -> None:
        """Its call has its answer. A worker that a session keeps is there for the next one."""
        stay = self._stays.get(worker)
        if stay is None or not stay.keeps_worker:
            return
        del self._stays[worker]
        self._count(stay)
        session = stay.order.session
        if session is None or not session.keep(worker):
            worker.end_at_once(StoppedByOwner())
        self._leave(stay.call)

    def worker_asked(self, worker: Worker, ask: Ask) -> None:
        """It wants something of the host: what was granted, within its budgets, and nothing else."""
        stay = self._stays.get(worker)
        if stay is None or ask.call is not stay.call:
            worker.kill(ProtocolBroken("it asked on behalf of no call"))
            return
        try:
            stay.asked(ask)
        except AskRefusedError as refusal:
            self._refused[ask.command if ask.command in _ASKS else "unknown"] += 1
            logger.warning("{} was refused {}", worker.child_id, refusal.what)
            ask.fail(refusal.fault)
        else:
            self._asks.serve(worker, ask)

    def worker_overran(self, worker: Worker, overrun: Overrun) -> None:
        """It has said or printed too much."""
        stay = self._stays.get(worker)
        if stay is not None:
            stay.overran(overrun)
        worker.kill(ProtocolBroken(f"it went past its {overrun.limit} limit"))

    def worker_lost(self, worker: Worker) -> None:
        """Its pipe has ended."""
        self._mailbox.cast(functools.partial(self._burials.lost, worker))

    # --- births and ends, on the mailbox's thread ---

    def _restock(self) -> None:
        if self._closed:
            return
        for kind in self._spares.restock():
            born = functools.partial(self._welcome, kind, time.monotonic())
            self._births.spawn(kind.spec, kind.plan, born, functools.partial(self._unborn, kind))
        self._tidy_later()

    def _tidy_later(self) -> None:
        if not self._is_tidying and not self._closed:
            self._is_tidying = True
            self._mailbox.cast_after(min(TIDY_S, self._boot_timeout_s), self._tidy)

    def _tidy(self) -> None:
        """End what is kept for nothing, and what has taken too long to come up. One timer: it keeps no worker alive."""
        self._is_tidying = False
        for worker in self._spares.surplus():
            worker.end_at_once(StoppedByOwner())
        late = time.monotonic() - self._boot_timeout_s
        for worker, asked_at in list(self._asked_at.items()):
            if asked_at < late:
                worker.kill(StartFailed(f"it was not ready within {self._boot_timeout_s:g} s"))
        if self._spares.ready or self._asked_at:
            self._tidy_later()

    def _unborn(self, kind: WorkerKind, error: Exception) -> None:
        why = error if isinstance(error, DspashError) else StartFailed(f"it could not be spawned: {error}")
        self._mailbox.cast(functools.partial(self._stillborn, kind, why))

    def _welcome(
        self, kind: WorkerKind, asked_at: float, process: Process | ForkedProcess, sock: socket.socket
    ) -> None:
        """Greet a worker that was born; it is ready once it has answered."""
        worker = Worker(
            f"{kind.plan.tier}-{next(self._numbers)}",
            1,
            process,
            sock,
            pump=self._pump,
            listener=self,
            definitions=self._nothing,
            max_frame=kind.frame_bytes,
            worker_max_frame=kind.plan.options.max_frame,
            budget=StreamBudget(
                frames=BOOT_FRAMES, output_bytes=BOOT_OUTPUT_BYTES, frame_bytes=kind.frame_bytes
            ),
        )
        self._burials.add(worker)
        self._kinds[worker] = kind
        self._asked_at[worker] = asked_at
        worker.watch()
        # No heartbeats: it is looked at from outside.
        greet(
            worker,
            max_frame=kind.frame_bytes,
            heartbeat_s=0,
            timeout_s=self._boot_timeout_s,
            heard=kind.plan.options.opening,
        )
        if self._closed:
            self._burials.kill_all((worker,))

    def _stillborn(
        self, kind: WorkerKind, why: StartFailed | DspashError, stderr: tuple[str, ...] = ()
    ) -> None:
        """A worker did not come up: whoever has waited longest hears of it."""
        claimant = self._spares.stillborn(kind)
        if claimant is None:
            logger.warning("a spare {} worker was not had: {}", kind.plan.tier, why)
            return
        claimant.fail(_lost(claimant, why, stderr) if isinstance(why, StartFailed) else why)
        self._leave(claimant)
        self._restock()

    def _miss(self, kind: WorkerKind, end: ExitReason, stderr: tuple[str, ...]) -> None:
        """A worker on the way has ended."""
        if isinstance(end, ZygoteLost):  # another zygote may do: how often, the nursery knows
            self._spares.lost_on_the_way(kind)
            self._restock()
        else:
            why = end if isinstance(end, StartFailed) else StartFailed(f"it {end.describe()}")
            self._stillborn(kind, why, stderr)

    def _gone(self, worker: Worker) -> None:
        """It has been buried: so are its call, or its place among the spares."""
        worker.briefing.end()
        kind = self._kinds.pop(worker, None)
        process = worker.process
        end = worker.why or process.poll() or ProtocolBroken("it does not end, even when killed")
        if kind is not None and self._asked_at.pop(worker, None) is not None and not self._closed:
            self._miss(kind, end, process.stderr.lines)
        elif kind is not None and self._spares.lost(kind, worker):
            self._restock()
        for call in worker.take_pending():
            ended_by = self._ended_by()
            call.fail(_lost(call, end, process.stderr.lines) if ended_by is None else ended_by)
        self._memory_groups.dismiss(process)
        stay = self._stays.pop(worker, None)
        if stay is not None:
            self._count(stay)
            self._leave(stay.call)

    def _count(self, stay: Stay) -> None:
        self._calls += 1
        self._cpu_s += stay.call.measured.cpu_s or 0.0
        if stay.limit is not None:
            self._limits[str(stay.limit)] += 1


_ASKS: Final = frozenset(map(str, ReverseCommand))


def _lost(call: Call, why: ExitReason, stderr: tuple[str, ...]) -> WorkerLostError:
    return WorkerLostError(
        generation=1, exit=why, progress=call.progress, stderr_tail="\n".join(stderr), request=call.command
    )
