"""Amounts: how much of everything one run measures, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.samples import Quantiles

__all__ = ["FULL_AMOUNTS", "QUICK_AMOUNTS", "Amounts", "Measured"]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How often each thing is done."""

    rounds: int  # in each, confined and bare births take turns
    births: int  # of either kind a round
    crowd: int  # workers at a time, of which each further one's memory is asked
    life: int  # births of one zygote, whose memory is looked at before and after
    spare_calls: int
    sustained_s: float
    crashes: int
    host_kills: int


FULL_AMOUNTS: Final = Amounts(
    rounds=10, births=20, crowd=24, life=5000, spare_calls=200, sustained_s=10.0, crashes=15, host_kills=5
)
"""Some two minutes on two cores."""

QUICK_AMOUNTS: Final = Amounts(
    rounds=2, births=5, crowd=6, life=100, spare_calls=20, sustained_s=1.0, crashes=2, host_kills=1
)
"""Shows that everything runs; too few samples to quote."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the report. `value` is judged: seconds, calls a second, MiB, or a ratio, as `unit` says."""

    name: str
    value: float
    unit: str
    quantiles: Quantiles | None = None

    def __str__(self) -> str:
        if self.unit == "s":
            text = f"{self.value * 1e3:.3g} ms"
            if self.quantiles is not None:
                text += f" p50, {self.quantiles.p90 * 1e3:.3g} ms p90, n={self.quantiles.count}"
            return f"{self.name}: {text}"
        return f"{self.name}: {self.value:,.2f} {self.unit}"
