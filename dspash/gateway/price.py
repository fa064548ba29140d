"""Prices: what a model's tokens cost, in US dollars, and from when that figure is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dspash.gateway.port import JsonMap, JsonValue
from dspash.gateway.target import Target

__all__ = ["Cost", "Price", "PriceTable"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost in US dollars, and by which table of prices."""

    usd: float
    basis: str
    """The table, with its date: prices change, and what was billed is the provider's to say."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a token. What is None is not told apart by the provider, and costs as much as any other token there."""

    input: float
    output: float
    basis: str
    cache_read: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None
    cache_is_apart: bool = False
    """`input_tokens` leaves out the tokens read from and written to the provider's cache."""
    reasoning_is_apart: bool = False
    """`output_tokens` leaves out the tokens of reasoning."""

    def cost(self, usage: JsonMap) -> Cost:
        """What `usage`, of an lm15 Response or an EmbeddingReply, comes to; a figure that is missing counts as none."""
        read, written = _count(usage, "cache_read_tokens"), _count(usage, "cache_write_tokens")
        thought = _count(usage, "reasoning_tokens")
        plain_in, plain_out = _count(usage, "input_tokens"), _count(usage, "output_tokens")
        if not self.cache_is_apart:
            plain_in = max(plain_in - read - written, 0)
        if not self.reasoning_is_apart:
            plain_out = max(plain_out - thought, 0)
        usd = (
            plain_in * self.input
            + read * _either(self.cache_read, self.input)
            + written * _either(self.cache_write, self.input)
            + plain_out * self.output
            + thought * _either(self.reasoning, self.output)
        )
        return Cost(usd, self.basis)


class PriceTable(Protocol):
    """What targets cost."""

    def price_of(self, target: Target) -> Price | None:
        """The price of the target's tokens; None when it is not known, which is not the same as free."""
        ...


def _either(price: float | None, otherwise: float) -> float:
    return otherwise if price is None else price


def _count(usage: JsonMap, name: str) -> int:
    figure: JsonValue = usage.get(name)
    return figure if isinstance(figure, int) and not isinstance(figure, bool) and figure > 0 else 0
