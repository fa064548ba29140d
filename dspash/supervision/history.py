"""RestartHistory: the restarts a supervisor has made after crashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dspash.supervision.death import Death
from dspash.supervision.exit_reason import ExitReason

__all__ = ["RestartHistory", "RestartRecord"]

_KEPT: Final = 100
"""So many restarts are remembered at least: a pool of as many children keeps the last one of each."""


@dataclass(frozen=True, slots=True)
class RestartRecord:
    """One crash that was answered with a restart.

    `generation` is the one that crashed, at `at_s` on the supervisor's monotonic clock. `crashes_in_a_row`
    counts this child's crashes without a stable time between them, `failed_starts` those of its last
    generations that never became ready; both include this one.
    """

    child_id: str
    generation: int
    exit: ExitReason
    at_s: float
    crashes_in_a_row: int
    failed_starts: int


@dataclass(frozen=True, slots=True)
class RestartHistory:
    """The restarts of all children of one supervisor, oldest first. A new supervisor's is empty.

    Restarts that count for nothing (recycling, a call that overran, a crash while serving calls) are not in it.
    Its length is bounded.
    """

    restarts: tuple[RestartRecord, ...] = ()

    def record_of(self, death: Death, now_s: float, stable_s: float) -> RestartRecord:
        """What to remember of a crash; a child that had been ready for `stable_s` starts its counts anew."""
        before = self._crash_just_before(death)
        follows = before is not None and (death.ready_s is None or death.ready_s < stable_s)
        return RestartRecord(
            child_id=death.child_id,
            generation=death.generation,
            exit=death.exit,
            at_s=now_s,
            crashes_in_a_row=1 + (before.crashes_in_a_row if before and follows else 0),
            failed_starts=0 if death.ready_s is not None else 1 + (before.failed_starts if before else 0),
        )

    def add(self, record: RestartRecord, *, at_least: int) -> RestartHistory:
        """The history with one more restart. The oldest are forgotten, but the last `at_least` never."""
        return RestartHistory((*self.restarts, record)[-max(_KEPT, at_least) :])

    def _crash_just_before(self, death: Death) -> RestartRecord | None:
        """The crash of the generation directly before; None if that one did not crash or there was none."""
        wanted = (death.child_id, death.generation - 1)
        return next(
            (past for past in reversed(self.restarts) if (past.child_id, past.generation) == wanted), None
        )
