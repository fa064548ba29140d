"""Estimating: what calls may come to before they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dspash.app.generation import Estimate
from dspash.errors import ConfigurationError
from dspash.gateway.lm_call import LMCall
from dspash.gateway.measure import measure_of
from dspash.gateway.model import RoutedCall
from dspash.gateway.price import Price
from dspash.gateway.target import Target

if TYPE_CHECKING:
    from dspash.resources.lm import LMUsage

__all__ = ["estimate_by_history", "estimate_by_prompts"]

_USUAL_OUTPUT = 256
"""Tokens of an answer whose length nobody has limited: what DSPy's programs usually get."""


def estimate_by_prompts(target: Target, price: Price | None, calls: Sequence[LMCall]) -> Estimate:
    """By the length of the prompts: a token for four characters, and answers of a usual length."""
    measures = [measure_of(RoutedCall(call, target)) for call in calls]
    read = sum(each.likely_input for each in measures)
    written = sum(min(each.most_output, _USUAL_OUTPUT) for each in measures)
    longest = max((min(each.most_output, _USUAL_OUTPUT) for each in measures), default=_USUAL_OUTPUT)
    most_usd = None
    if price is not None:
        most_usd = sum(price.most_usd(each.most_input, each.most_output) for each in measures)
    return Estimate(
        model=target.name,
        calls=len(measures),
        input_tokens=read,
        output_tokens=written,
        usd=_cost(price, read, written, len(measures)),
        most_usd=most_usd,
        how=f"the length of the prompts, and answers of {longest} tokens",
        basis="" if price is None else price.basis,
    )


def estimate_by_history(
    target: Target, price: Price | None, program: str, past: Sequence[LMUsage], calls: int
) -> Estimate:
    """By what a call of the program took so far. Raises ConfigurationError where it has made none."""
    sent = sum(found.sent for found in past)
    if not sent:
        problem = f"no calls of {program!r:.100} are kept"
        raise ConfigurationError("program", problem, "run it once on a few examples, or give prompts")
    read = round(calls * sum(found.input_tokens for found in past) / sent)
    written = round(calls * sum(found.output_tokens for found in past) / sent)
    return Estimate(
        model=target.name,
        calls=calls,
        input_tokens=read,
        output_tokens=written,
        usd=_cost(price, read, written, calls),
        most_usd=None,
        how=f"the {sent} calls that it has made",
        basis="" if price is None else price.basis,
    )


def _cost(price: Price | None, read: int, written: int, calls: int) -> float | None:
    """The price of as many equal calls: that of long prompts is another."""
    if price is None:
        return None
    share = max(calls, 1)
    return calls * price.cost({"input_tokens": read // share, "output_tokens": written // share}).usd
