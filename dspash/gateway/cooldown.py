"""Cool-down: a key whose provider keeps failing is left alone for a while, then tried with one call. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from dspash.gateway.errors import GatewayError, ModelTimeoutError, ServerError, TransportError

__all__ = [
    "WELL",
    "Condition",
    "Probed",
    "Resting",
    "Well",
    "abandoned",
    "allows",
    "counts_against",
    "failed",
    "worked",
]

FAILURES: Final = 8
"""In a row: a server that fails every fifth call at random comes to this once in 400,000 calls."""
FIRST_REST_S: Final = 2.0
LONGEST_REST_S: Final = 60.0
PATIENCE_S: Final = 10.0
"""A call that ran out of less time than this says nothing about its provider."""


@dataclass(frozen=True, slots=True)
class Well:
    """Calls go out. `failures` in a row, so far."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Resting:
    """No call goes out before `until` (monotonic seconds); `rests` in a row, this one included."""

    until: float
    rests: int


@dataclass(frozen=True, slots=True)
class Probed:
    """One call is out to see whether it works again; the others wait for what becomes of it."""

    rests: int


Condition: TypeAlias = Well | Resting | Probed
WELL: Final = Well()


def allows(condition: Condition, now: float) -> Condition | None:
    """The condition in which a call goes out now; None when none does."""
    match condition:
        case Well():
            return condition
        case Resting(until, rests):
            return Probed(rests) if now >= until else None
        case Probed():
            return None


def worked(_condition: Condition) -> Condition:
    """After a call that the provider answered, if only with a refusal."""
    return WELL


def failed(condition: Condition, now: float) -> Condition:
    """After a call that the provider failed. Each rest is twice as long as the one before."""
    match condition:
        case Well(failures):
            return Well(failures + 1) if failures + 1 < FAILURES else _rest(1, now)
        case Probed(rests):
            return _rest(rests + 1, now)
        case Resting():
            return condition  # it went out before the rest began


def abandoned(condition: Condition, now: float) -> Condition:
    """After a call that nobody waited for any more: a probe has told nothing, and the next call is one."""
    return Resting(now, condition.rests) if isinstance(condition, Probed) else condition


def counts_against(error: GatewayError, latency_s: float) -> bool:
    """Whether `error`, after `latency_s`, is the provider's failure rather than the call's."""
    if isinstance(error, ModelTimeoutError):
        return latency_s >= PATIENCE_S
    return isinstance(error, ServerError | TransportError)


def _rest(rests: int, now: float) -> Resting:
    return Resting(now + min(FIRST_REST_S * 2.0 ** min(rests - 1, 64), LONGEST_REST_S), rests)
