"""Amounts: how much of everything one run measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["FULL_CALLS", "QUICK_CALLS", "GatewayAmounts"]


@dataclass(frozen=True, slots=True)
class GatewayAmounts:
    """How often each thing is done."""

    rounds: int  # in each, every contestant takes its turn
    calls: int  # of each contestant a round
    crowd: int  # calls at a time
    crowds: int
    failing: int  # calls to a provider that fails one in five
    beside_litellm: bool = True


FULL_CALLS: Final = GatewayAmounts(rounds=25, calls=20, crowd=512, crowds=5, failing=10_000)
"""Less than two minutes on two cores."""

QUICK_CALLS: Final = GatewayAmounts(rounds=1, calls=3, crowd=16, crowds=1, failing=100)
"""Shows that everything runs; too few samples to quote."""
