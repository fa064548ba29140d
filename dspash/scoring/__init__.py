"""Scoring: what the scores of examples say of a program, and how sure that is."""

from __future__ import annotations

from dspash.scoring.comparison import Comparison, compare_scores
from dspash.scoring.export import EXPORT_SUFFIXES, ScoredExample, write_results
from dspash.scoring.interval import Interval, mean_interval
from dspash.scoring.significance import SIGNIFICANCE_TESTS, Significance, significance_of

__all__ = [
    "EXPORT_SUFFIXES",
    "SIGNIFICANCE_TESTS",
    "Comparison",
    "Interval",
    "ScoredExample",
    "Significance",
    "compare_scores",
    "mean_interval",
    "significance_of",
    "write_results",
]
