"""Stay: one call in a sandboxed worker, from its hand-off to its end: what it uses, and the limits it is held to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from dspash.bridge.ask import MODEL_CALLS
from dspash.bridge.call import Call, Measured
from dspash.bridge.evidence import overrun_behind
from dspash.bridge.gauge import Gauge
from dspash.bridge.grants import AskRefusedError
from dspash.bridge.output_files import OutputFiles
from dspash.bridge.overrun import Limit, Overrun
from dspash.errors import WorkerFaultError
from dspash.supervision import StoppedByOwner
from dspash.usage import Isolation
from dspash_protocol import Event, EventKind, FaultKind, ReverseCommand

if TYPE_CHECKING:
    from dspash.bridge.ask import Ask
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.memory_groups import MemoryGroups
    from dspash.bridge.sandboxed import Sandboxed
    from dspash.bridge.worker import Worker

__all__ = ["Stay"]

LOOK_S: Final = 0.25  # between looks at what it uses
SHORTEST_LOOK_S: Final = 0.005
MOST_OPEN_ASKS: Final = 64  # of one call; the threads that serve them are everybody's
FRAMES_AN_ASK: Final = 2  # a request, and its being taken back
_MIB: Final = 1024 * 1024


class Stay:
    """Ends its call when a limit is passed, and its worker when the call has ended, unless a session keeps that.

    `begin` belongs to the thread that hands off, `asked` and events to the one that reads, looks to the mailbox's; the
    outcome may come on any.
    """

    def __init__(
        self, worker: Worker, call: Call, order: Sandboxed, mailbox: Mailbox, memory_groups: MemoryGroups
    ) -> None:
        self.worker = worker
        self.call = call
        self.order = order
        self.limit: Limit | None = None  # the one that ended it
        self.keeps_worker = False  # whether the worker has survived its call, and may serve another
        self._mailbox = mailbox
        self._memory_groups = memory_groups
        self._gauge = Gauge(worker.process)
        self._cpu_before_s = self._gauge.cpu_s() or 0.0
        self._files = OutputFiles(order.limits)
        self._ended = False
        self._lock = threading.Lock()  # over the end

    @property
    def has_ended(self) -> bool:
        """Whether its outcome is decided."""
        return self._ended

    def __repr__(self) -> str:
        return f"<Stay of {self.call!r} in {self.worker!r}>"

    # --- beginning ---

    def begin(self) -> bool:
        """Hand the call to the worker, with all it must know; False when the worker has died meanwhile."""
        call, worker, limits = self.call, self.worker, self.order.limits
        call.isolation = Isolation(str(self.order.kind.plan.tier), worker.layers)
        call.on_outcome = self._conclude
        call.on_event = self._take_event
        if not worker.briefing.is_of(self.order.definitions):
            worker.briefing.follow(self.order.definitions)
        if worker.budget is not None:
            printed = worker.process.stderr.bytes_read
            worker.budget.renew(frames=limits.frames, output_bytes=limits.output_mb * _MIB, printed=printed)
        if not worker.begin(call):
            call.on_outcome, call.on_event = None, call.options.on_event
            return False
        self._mailbox.cast_after(self._next_look_s(), self._look)
        return True

    # --- while it runs ---

    def asked(self, ask: Ask) -> None:
        """Count an ask against the budgets and see whether it is granted. Raises AskRefusedError."""
        account, limits = self.call.account, self.order.limits
        for limit, used, allowed in (
            (Limit.LM_CALLS, account.lm_calls, limits.lm_calls),
            (Limit.TOOL_CALLS, account.tool_calls, limits.tool_calls),
        ):
            if allowed is not None and used > allowed:
                self.overran(Overrun(limit, used, allowed))
                raise AskRefusedError(FaultKind.CANCELLED, f"more than its {limit}")
        is_lm = ask.command in MODEL_CALLS
        if is_lm and limits.lm_tokens is not None and account.lm_tokens > limits.lm_tokens:
            self.overran(Overrun(Limit.LM_TOKENS, account.lm_tokens, limits.lm_tokens))
            raise AskRefusedError(FaultKind.CANCELLED, f"more than its {Limit.LM_TOKENS}")
        if self.worker.open_asks > MOST_OPEN_ASKS:
            raise AskRefusedError(FaultKind.UNAVAILABLE, f"more than {MOST_OPEN_ASKS} requests at a time")
        self.order.grants.admit(ask)
        if self.worker.budget is not None and (is_lm or ask.command == ReverseCommand.TOOL_CALL):
            self.worker.budget.allow(FRAMES_AN_ASK)  # these have budgets of their own

    def overran(self, overrun: Overrun) -> None:
        """A limit was passed: that is the end of the call."""
        self.limit = self.limit or overrun.limit
        self.call.fail(overrun.error(self.call.progress))

    def _take_event(self, event: Event) -> None:
        if event.kind == EventKind.FILE:
            if (overrun := self._files.take(event.data)) is not None:
                self.overran(overrun)
        elif self.call.options.on_event is not None:
            self.call.options.on_event(event)

    def _look(self) -> None:
        if self._ended:
            return
        overrun = self._find_overrun()
        if overrun is not None:
            self.overran(overrun)
        else:
            self._mailbox.cast_after(self._next_look_s(), self._look)

    def _find_overrun(self) -> Overrun | None:
        limits, account = self.order.limits, self.call.account
        active_s = account.wall_s - account.lm_wait_s
        if active_s >= limits.wall_s:
            return Overrun(Limit.WALL, active_s, limits.wall_s)
        if account.wall_s >= limits.total_s:
            return Overrun(Limit.TOTAL, account.wall_s, limits.total_s)
        self._measure()
        cpu_s = self.call.measured.cpu_s or 0.0
        if cpu_s >= limits.cpu_s:
            return Overrun(Limit.CPU, cpu_s, limits.cpu_s)
        memory = self._memory_over(limits.memory_mb * _MIB)
        if memory is not None:
            return Overrun(Limit.MEMORY, memory / _MIB, limits.memory_mb)
        return None if self.worker.budget is None else self.worker.budget.overdue()

    def _memory_over(self, allowed: int) -> int | None:
        """What it and its attendants use, if that is too much. Shared pages are theirs only in part: told apart when it
        may matter.
        """
        attendants = self.call.attendants
        resident = self._gauge.resident_bytes()
        if resident is None or resident + attendants.resident_bytes() <= allowed:
            return None
        own = self._gauge.proportional_bytes()
        used = (resident if own is None else own) + attendants.proportional_bytes()
        return used if used > allowed else None

    def _next_look_s(self) -> float:
        limits, account = self.order.limits, self.call.account
        wall_left_s = limits.wall_s - (account.wall_s - account.lm_wait_s)
        cpu_left_s = limits.cpu_s - (self.call.measured.cpu_s or 0.0)
        soonest_s = min(LOOK_S, wall_left_s, limits.total_s - account.wall_s, cpu_left_s)
        return max(SHORTEST_LOOK_S, soonest_s)

    # --- ending ---

    def end(self) -> None:
        """End the worker, unless the outcome has seen to that."""
        self._conclude(self.call, None)
        self.keeps_worker = False
        self.worker.end_at_once(StoppedByOwner())

    def _conclude(self, call: Call, error: BaseException | None) -> BaseException | None:
        """The outcome is there, and nobody has heard of it: measure, end the worker, and name the limit behind it."""
        with self._lock:
            if self._ended:
                return None
            self._ended = True
        self._measure()
        call.files = self._files.whole
        overrun = None if error is None else self._overrun_behind(error)
        self.keeps_worker = self._may_keep_worker(error) and overrun is None
        if not self.keeps_worker:
            self.worker.end_at_once(StoppedByOwner())
        if overrun is None:
            return None
        self.limit = overrun.limit
        named = overrun.error(call.progress)
        named.__cause__ = error
        return named

    def _overrun_behind(self, error: BaseException) -> Overrun | None:
        killed_at = self._memory_groups.killed_at(self.worker.process)
        if killed_at is not None:
            return Overrun(Limit.MEMORY, killed_at / _MIB, self.order.limits.memory_mb)
        return overrun_behind(error, self.order.limits, self.call.measured)

    def _may_keep_worker(self, error: BaseException | None) -> bool:
        session = self.order.session
        answered = error is None or isinstance(error, WorkerFaultError)
        return answered and session is not None and not session.is_closed

    def _measure(self) -> None:
        """Remember what it has used, as long as the process can be asked, or what was told of it at its end."""
        process = self.worker.process
        cpu_s = self._gauge.cpu_s() if process.cpu_s is None else process.cpu_s
        peak = self._gauge.peak_bytes() if process.peak_memory_bytes is None else process.peak_memory_bytes
        before, attended_s = self.call.measured, self.call.attendants.cpu_s()
        self.call.measured = Measured(
            before.cpu_s if cpu_s is None else max(0.0, cpu_s - self._cpu_before_s) + attended_s,
            before.peak_memory_bytes if peak is None else peak,
        )
