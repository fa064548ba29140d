"""Prices: what a model's tokens cost, in US dollars, and from when that figure is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from dspash.gateway.port import JsonMap, JsonValue
from dspash.gateway.target import Target

__all__ = ["Cost", "Price", "PriceTable", "Rates"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost in US dollars, and by which table of prices."""

    usd: float
    basis: str
    """The table, with its date: prices change, and what was billed is the provider's to say."""


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars a token. What is None costs as much as any other token that is read, or written."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """The rates of one model, and how its provider counts."""

    rates: Rates
    basis: str
    long_rates: Rates | None = None
    """What all tokens of a request cost that reads more than `long_above`."""
    long_above: int = 0
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
        rates = self._rates_for(plain_in + read + written)
        usd = (
            plain_in * rates.input
            + read * _either(rates.cache_read, rates.input)
            + written * _either(rates.cache_write, rates.input)
            + plain_out * rates.output
            + thought * _either(rates.reasoning, rates.output)
        )
        return Cost(usd, self.basis)

    def most_usd(self, tokens_in: int, tokens_out: int) -> float:
        """The most that so many tokens can be billed, whatever comes from a cache or goes into one."""
        rates = self._rates_for(tokens_in)
        dearest_in = max(rates.input, rates.cache_write or 0.0)
        return tokens_in * dearest_in + tokens_out * max(rates.output, rates.reasoning or 0.0)

    def counted_as(self, *, cache_is_apart: bool, reasoning_is_apart: bool) -> Price:
        """The same price at a provider that counts so."""
        return replace(self, cache_is_apart=cache_is_apart, reasoning_is_apart=reasoning_is_apart)

    def _rates_for(self, tokens_in: int) -> Rates:
        return self.long_rates if self.long_rates is not None and tokens_in > self.long_above else self.rates


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
