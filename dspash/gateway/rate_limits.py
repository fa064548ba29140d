"""Rate limits: what a provider says is left to a key, read from the headers of its replies."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["Allowance", "RateLimits", "read_rate_limits", "read_retry_after"]


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


_HEADERS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    # (limit, remaining, reset): OpenAI's and those like it, Anthropic's, Mistral's, Together's and OpenRouter's.
    "requests": (
        ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
        ("x-ratelimit-limit-req-minute", "x-ratelimit-remaining-req-minute", ""),
        ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ),
    "tokens": (
        ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        ("anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
        ("x-ratelimit-limit-tokens-minute", "x-ratelimit-remaining-tokens-minute", ""),
        ("x-tokenlimit-limit", "x-tokenlimit-remaining", ""),
    ),
    "input_tokens": (
        ("anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ),
    "output_tokens": (
        ("anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ),
}  # fmt: skip
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_LONGEST: Final = 64  # characters of a header's value
_LONGEST_RESET_S: Final = 86_400.0  # windows of providers are of a day at most
_EPOCH_S: Final = 1e9  # a larger number is an instant, not a duration
_EPOCH_MS: Final = 1e12


def read_rate_limits(headers: Mapping[str, str], now_s: float) -> RateLimits | None:
    """The allowances that `headers` (names in small letters) state, at `now_s` seconds since the epoch; None for none.

    A value that makes no sense is taken as not stated: what a limit says is a hint, and never an error.
    """
    found = {kind: _allowance(headers, named, now_s) for kind, named in _HEADERS.items()}
    return RateLimits(**found) if any(allowance is not None for allowance in found.values()) else None


def read_retry_after(headers: Mapping[str, str], now_s: float) -> float | None:
    """Seconds that Retry-After asks to wait, given as seconds or as a date; None where it asks for nothing."""
    text = headers.get("retry-after")
    milliseconds = _figure(headers.get("retry-after-ms") or headers.get("x-ms-retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    if text is None or not 0 < len(text) <= _LONGEST:
        return None
    figure = _figure(text)
    if figure is not None:
        return figure
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    if instant.tzinfo is None:  # `-0000`, by RFC 5322 a time in UTC whose zone is not told
        instant = instant.replace(tzinfo=UTC)
    return max(instant.timestamp() - now_s, 0.0)


def _allowance(
    headers: Mapping[str, str], named: tuple[tuple[str, str, str], ...], now_s: float
) -> Allowance | None:
    for limit, remaining, reset in named:
        if limit in headers or remaining in headers:
            return Allowance(
                _number(headers.get(limit)),
                _number(headers.get(remaining)),
                _reset(headers.get(reset), now_s),
            )
    return None


def _number(text: str | None) -> int | None:
    figure = _figure(text)
    return None if figure is None else int(figure)


def _reset(text: str | None, now_s: float) -> float | None:
    """Seconds until then: of `1m30.5s`, `250ms`, `12`, an RFC 3339 instant, or seconds or milliseconds since the epoch."""
    if text is None or not 0 < len(text) <= _LONGEST:
        return None
    figure = _figure(text)
    if figure is None:
        seconds = _duration(text)
        seconds = _until(text, now_s) if seconds is None else seconds
    elif figure > _EPOCH_MS:
        seconds = figure / 1000 - now_s
    else:
        seconds = figure - now_s if figure > _EPOCH_S else figure
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST_RESET_S)


def _duration(text: str) -> float | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _until(text: str, now_s: float) -> float | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if instant.tzinfo is None else instant.timestamp() - now_s


def _figure(text: str | None) -> float | None:
    """A number of 0 or more; None for anything else."""
    if text is None or len(text) > _LONGEST:
        return None
    try:
        figure = float(text)
    except ValueError:
        return None
    return figure if math.isfinite(figure) and figure >= 0 else None
