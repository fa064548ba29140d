"""Retry: what to do about one failed attempt. Pure: whoever waits does it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from dspash.gateway.errors import (
    GatewayError,
    ModelRequestError,
    RejectedRequestError,
    UnsupportedFeatureError,
)
from dspash.gateway.refusals import ProviderRestingError, RefusedError

__all__ = ["Again", "Decision", "GiveUp", "RetryPolicy", "StandIn", "decide"]

_FAULTS_OF_THE_CALL: Final = (ModelRequestError, RejectedRequestError, UnsupportedFeatureError)
"""What no other model would take either, or what would be another call if one did."""
_SPREAD: Final = 0.1
"""By which share of it a wait that the provider asked for is drawn out, so that not all come back at once."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and after how long, a target is asked again. Waits grow by doubling, each drawn from all up to it.

    Full jitter, as in "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): of the ways to spread callers
    that failed together it makes the fewest calls.
    """

    attempts: int = 4
    """How often one target is asked for one call, the first time included."""
    base_s: float = 0.5
    cap_s: float = 20.0
    longest_wait_s: float = 120.0
    """A provider that wants to be left alone for longer is given up for this call."""

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; a call is made at least once")
        if not 0 <= self.base_s <= self.cap_s:
            raise ValueError(
                f"base_s is {self.base_s:g} and cap_s {self.cap_s:g}; wanted 0 <= base_s <= cap_s"
            )


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the same target again, after so many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class StandIn:
    """Ask the next target of the route."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The error is the call's outcome."""


Decision: TypeAlias = Again | StandIn | GiveUp


def decide(
    policy: RetryPolicy,
    error: GatewayError,
    *,
    tries: int,
    has_begun: bool,
    has_stand_in: bool,
    remaining_s: float | None,
    random: Callable[[], float],
) -> Decision:
    """What follows the failure of try number `tries` (from 1 on) of one target.

    `has_begun`: the caller has been given a part of the answer; nothing can take that back. `remaining_s` is what is
    left of the call's time, None without end. `random` draws from [0, 1).
    """
    if has_begun or isinstance(error, _FAULTS_OF_THE_CALL) or (remaining_s is not None and remaining_s <= 0):
        return GiveUp()
    if isinstance(error, RefusedError) and not isinstance(error, ProviderRestingError):
        return GiveUp()
    otherwise = StandIn() if has_stand_in else GiveUp()
    if not error.retryable or tries >= policy.attempts:
        return otherwise
    wait_s = _wait_s(policy, error.retry_after_s, tries, random())
    if wait_s > policy.longest_wait_s or (remaining_s is not None and wait_s >= remaining_s):
        return otherwise
    return Again(wait_s)


def _wait_s(policy: RetryPolicy, asked_s: float | None, tries: int, drawn: float) -> float:
    if asked_s is not None:
        return asked_s + drawn * min(_SPREAD * asked_s, 1.0)
    # The exponent is bounded where doubling has long passed every cap.
    return drawn * min(policy.cap_s, policy.base_s * 2.0 ** min(tries - 1, 64))
