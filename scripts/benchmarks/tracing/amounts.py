"""Amounts: how much of everything one run measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["FULL_TRACES", "QUICK_TRACES", "TraceAmounts"]


@dataclass(frozen=True, slots=True)
class TraceAmounts:
    """How often each thing is done."""

    rounds: int  # in each, calls with and without traces take turns
    calls: int  # of either kind a round
    written: int  # executions handed to a recorder as fast as it takes them
    kept: int  # executions among which others are looked for
    looks: int  # of each kind


FULL_TRACES: Final = TraceAmounts(rounds=60, calls=20, written=30_000, kept=1_000_000, looks=100)
"""Some five minutes on two cores, most of them to fill the database."""

QUICK_TRACES: Final = TraceAmounts(rounds=3, calls=5, written=500, kept=2_000, looks=5)
"""Shows that everything runs; too few samples to quote."""
