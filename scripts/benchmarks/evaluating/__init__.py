"""What evaluations take: a program that computes, on the workers of an app and on DSPy's own threads."""

from __future__ import annotations

from benchmarks.evaluating.computing import EvaluationAmounts, measure_computing

__all__ = ["EvaluationAmounts", "measure_computing"]
