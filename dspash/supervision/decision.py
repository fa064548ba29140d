"""Decision: what a supervisor does about a child that has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from dspash.supervision.backoff import Backoff
from dspash.supervision.child_spec import ChildSpec, Restart
from dspash.supervision.death import Death
from dspash.supervision.exit_reason import Overran, Recycled, StoppedByOwner, ZygoteLost
from dspash.supervision.history import RestartHistory
from dspash.supervision.intensity import Intensity
from dspash.supervision.report import CrashReport

__all__ = ["Decision", "Forget", "GiveUp", "StartAgain", "decide"]


@dataclass(frozen=True, slots=True)
class StartAgain:
    """Start the next generation in `after_s` seconds, and keep `history` in place of the one given."""

    after_s: float
    history: RestartHistory


@dataclass(frozen=True, slots=True)
class Forget:
    """Do not start it again: its work is done, or it was not meant to come back."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Stop every child and fail every waiting call with `report`."""

    report: CrashReport


Decision: TypeAlias = StartAgain | Forget | GiveUp


def decide(
    spec: ChildSpec[object],
    death: Death,
    history: RestartHistory,
    now_s: float,
    *,
    intensity: Intensity,
    backoff: Backoff,
    random: Callable[[], float],
) -> Decision:
    """Say what to do about `death` of the child of `spec`; `history` and `now_s` are the supervisor's.

    `now_s` is a monotonic clock's reading and `random` yields numbers evenly from [0, 1). Total: every
    combination has an answer. Four deaths are answered with a start at once that counts for nothing: of a child
    that we replaced on purpose, which is no failure; of one that ended with its zygote, whose deaths are counted by
    themselves; of one killed over a call that ignored its end; and of one that was serving calls. The last two say
    nothing of the child: they are told to the callers, whose own pace bounds them. What counts are crashes that
    nobody asked for: before readiness, or with nothing to do.
    """
    match spec.restart, death.exit:
        case _, StoppedByOwner():
            return Forget()
        case Restart.TEMPORARY, _:
            return Forget()
        case _, Recycled() | Overran() | ZygoteLost():
            return StartAgain(0.0, history)
        case Restart.TRANSIENT, reason if reason.is_normal:
            return Forget()
        case _ if death.is_blamed_on_calls:
            return StartAgain(0.0, history)
        case _:
            return _after_crash(
                spec, death, history, now_s, intensity=intensity, backoff=backoff, random=random
            )


def _after_crash(
    spec: ChildSpec[object],
    death: Death,
    history: RestartHistory,
    now_s: float,
    *,
    intensity: Intensity,
    backoff: Backoff,
    random: Callable[[], float],
) -> StartAgain | GiveUp:
    record = history.record_of(death, now_s, stable_s=intensity.period_s)
    if record.failed_starts > spec.max_failed_starts:
        limit = f"failed start {record.failed_starts} in a row (limit {spec.max_failed_starts})"
        return GiveUp(CrashReport(death, limit, history.restarts, now_s))
    restarts_at_s = [past.at_s for past in history.restarts]
    if intensity.forbids(restarts_at_s, now_s):
        crashes = intensity.recent(restarts_at_s, now_s) + 1
        limit = f"crash {crashes} within {intensity.period_s:g} s (limit {intensity.max_restarts})"
        return GiveUp(CrashReport(death, limit, history.restarts, now_s))
    after_s = backoff.delay_s(record.crashes_in_a_row, random)
    return StartAgain(after_s, history.add(record, at_least=intensity.max_restarts))
