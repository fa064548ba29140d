"""Spent: what an outcome tells of what was used, and billed."""

from __future__ import annotations

from dspash.gateway.errors import GatewayError
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["is_unbilled", "total_tokens", "usage_of"]


def usage_of(response: JsonMap) -> JsonMap:
    """The lm15 Usage of a response, as a map; empty when it tells none."""
    usage = response.get("usage")
    return usage if isinstance(usage, dict) else {}


def total_tokens(response: JsonMap) -> int | None:
    """Tokens read and written, as the provider counts them; None when it does not tell."""
    usage = usage_of(response)
    total = _count(usage.get("total_tokens"))
    if total is not None:
        return total
    sides = [_count(usage.get(name)) for name in ("input_tokens", "output_tokens")]
    told = [side for side in sides if side is not None]
    return sum(told) if told else None


def is_unbilled(error: GatewayError) -> bool:
    """Whether the call that ended in `error` has certainly cost nothing: not sent, or answered with an HTTP error."""
    return not error.was_sent or (error.status is not None and error.status >= 400)


def _count(figure: JsonValue) -> int | None:
    return figure if isinstance(figure, int) and not isinstance(figure, bool) and figure >= 0 else None
