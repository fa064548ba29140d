"""Rate limits: what a provider says is left to a key, read from the headers of its replies."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Allowance", "RateLimits"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still use of one thing in the provider's present window; None where the provider does not say."""

    limit: int | None = None
    """How much the window allows in all."""
    remaining: int | None = None
    """How much of it was left when the reply was sent."""
    reset_s: float | None = None
    """Seconds from the reply until all of it is back."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """A key's allowances as one reply states them; None where it says nothing of that kind."""

    requests: Allowance | None = None
    tokens: Allowance | None = None
    """Tokens read and written together."""
    input_tokens: Allowance | None = None
    output_tokens: Allowance | None = None
