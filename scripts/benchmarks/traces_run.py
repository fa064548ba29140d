"""Traces run: what traces cost, judged."""

from __future__ import annotations

from functools import partial

from rich.console import Console

from benchmarks.measured_run import Bar, MeasuredRun, take
from benchmarks.tracing import TraceAmounts, measure_finding, measure_overhead, measure_writing

__all__ = ["TracesRun", "run_traces"]


class TracesRun(MeasuredRun):
    """Everything one run found out about what traces cost."""

    BARS = (
        Bar(
            "traced module / untraced",
            "a traced call of a module ≤ 1.15 × an untraced one",
            lambda value: value <= 1.15,
        ),
        Bar(
            "traced program / untraced",
            "a traced call of a program ≤ 1.15 × an untraced one",
            lambda value: value <= 1.15,
        ),
        Bar("executions written", "≥ 3,000 rows/s sustained on SQLite", lambda value: value >= 3_000),
        Bar("list, p95 of all", "list with filter, sort and page ≤ 30 ms p95", lambda value: value <= 0.030),
    )


def run_traces(*, console: Console, amounts: TraceAmounts) -> TracesRun:
    """Measure. `console` shows what is going on meanwhile."""
    measures = (measure_overhead, measure_writing, measure_finding)
    return TracesRun(*take(console, [partial(measure, amounts) for measure in measures]))
