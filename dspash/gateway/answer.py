"""Answer: what a call has come to, where that came from, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dspash.gateway.port import JsonMap
from dspash.gateway.price import Cost
from dspash.gateway.rate_limits import RateLimits
from dspash.gateway.target import Target

__all__ = ["Answer", "Attempt", "Source"]


class Source(StrEnum):
    """Where an answer came from. Only those of a provider cost anything."""

    PROVIDER = "provider"
    LOCAL = "local"
    """Computed in this process."""
    CACHE = "cache"
    JOURNAL = "journal"
    """Replayed: the run had been given it before it was interrupted."""
    FLIGHT = "flight"
    """Shared: an equal call was under way already."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a target was asked."""

    target: str
    """`provider/model`."""
    latency_s: float
    error: str | None = None
    """The lm15 code of what went wrong; None for the attempt that was answered."""
    status: int | None = None
    """The HTTP status, where there was one."""
    request_id: str | None = None
    """The provider's own name for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A call's outcome. `response` may be shared with other callers: it is read, never changed."""

    response: JsonMap
    source: Source
    target: Target
    """The one that answered: a fallback, when those before it did not."""
    attempts: tuple[Attempt, ...] = ()
    cost: Cost | None = None
    """None: no price is known. Nothing was paid for what did not come from a provider."""
    latency_s: float = 0.0
    first_token_s: float | None = None
    """Seconds until the first token of a stream; None when it was not streamed."""
    limits: RateLimits | None = None
    """What the provider said, with the answer, of the limits of the key."""
