"""Evaluation run: what evaluations take, judged."""

from __future__ import annotations

from functools import partial

from rich.console import Console

from benchmarks.evaluating import EvaluationAmounts, measure_computing
from benchmarks.measured_run import Bar, MeasuredRun, take

__all__ = ["EvaluationRun", "run_evaluation"]


class EvaluationRun(MeasuredRun):
    """Everything one run found out about what evaluations take."""

    BARS = (
        Bar(
            "two workers / dspy.Evaluate, speed",
            "two workers evaluate a program that computes ≥ 1.7 × as fast as dspy.Evaluate(num_threads=8)",
            lambda value: value >= 1.7,
        ),
    )


def run_evaluation(*, console: Console, amounts: EvaluationAmounts) -> EvaluationRun:
    """Measure. `console` shows what is going on meanwhile."""
    return EvaluationRun(*take(console, [partial(measure_computing, amounts)]))
