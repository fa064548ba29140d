"""Interval: between which bounds the mean score of all such examples lies, as far as those that were scored can tell."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist, fmean, pstdev
from typing import Any, Final, Literal

from dspash.errors import ConfigurationError

__all__ = ["LEVEL", "Interval", "Method", "mean_interval"]

LEVEL: Final = 0.95

RESAMPLES: Final = 2_000
"""How often the scores are drawn anew: the 2.5th percentile is then the mean of a handful, as Efron advises for intervals."""

DRAWN_MOST: Final = 2_000
"""With more scores than these the mean is normal to three digits (Berry–Esseen), and resampling shows nothing else."""

Method = Literal["bootstrap", "normal", "wilson"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval of a mean. `method` tells where the bounds come from; see mean_interval."""

    low: float
    high: float
    level: float
    method: Method

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f} ({self.level:.0%}, {self.method})"

    def to_map(self) -> dict[str, Any]:
        """As data: JSON values only."""
        return asdict(self)


def mean_interval(scores: Sequence[float], *, level: float = LEVEL, seed: int = 0) -> Interval | None:
    """The interval of the mean of `scores`, the same for the same `seed`; None for fewer than two.

    Percentiles of the means of resampled scores (Efron's bootstrap). Where all scores are equal, resampling would show
    no doubt at all, also with five of five right: scores from 0 to 1 then have Wilson's interval, which is that of a
    share, and as no scores of that mean vary more than those of 0 and 1, never too narrow.

    Raises ConfigurationError for a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigurationError("level", f"{level:g} is no share", "give one between 0 and 1, such as 0.95")
    if len(scores) < 2:
        return None
    mean = fmean(scores)
    if min(scores) == max(scores):
        return _wilson(mean, len(scores), level) if 0 <= mean <= 1 else None
    if len(scores) > DRAWN_MOST:
        margin = _quantile(level) * pstdev(scores) / math.sqrt(len(scores))
        return Interval(mean - margin, mean + margin, level, "normal")
    draw, count = random.Random(seed), len(scores)
    means = sorted(math.fsum(draw.choices(scores, k=count)) / count for _ in range(RESAMPLES))
    outside = round((1 - level) / 2 * RESAMPLES)
    outside = min(outside, RESAMPLES // 2 - 1)
    return Interval(means[outside], means[-1 - outside], level, "bootstrap")


def _wilson(share: float, count: int, level: float) -> Interval:
    """E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927)."""
    z = _quantile(level)
    widened = 1 + z * z / count
    middle = (share + z * z / (2 * count)) / widened
    margin = z / widened * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return Interval(max(0.0, middle - margin), min(1.0, middle + margin), level, "wilson")


def _quantile(level: float) -> float:
    """How many standard deviations from the middle a normal value is with a probability of `level`."""
    return NormalDist().inv_cdf((1 + level) / 2)
