"""Samples: repeated measurements of one thing, and their quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Quantiles", "median", "quantile", "quantiles"]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What `count` samples say; in the samples' own unit."""

    p50: float
    p90: float
    p99: float
    count: int


def quantiles(samples: Sequence[float]) -> Quantiles:
    """Summarise at least one sample."""
    ordered = sorted(samples)
    return Quantiles(quantile(ordered, 0.5), quantile(ordered, 0.9), quantile(ordered, 0.99), len(ordered))


def median(samples: Sequence[float]) -> float:
    """The middle of at least one sample."""
    return quantile(sorted(samples), 0.5)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the ascending samples lie, interpolated between neighbours."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
