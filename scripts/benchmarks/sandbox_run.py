"""Sandbox run: what isolation costs, judged."""

from __future__ import annotations

from functools import partial

from rich.console import Console

from benchmarks.isolation import Amounts, measure_births, measure_calls, measure_host_kill
from benchmarks.measured_run import Bar, MeasuredRun, take

__all__ = ["SandboxRun", "run_sandbox"]


class SandboxRun(MeasuredRun):
    """Everything one run found out about what isolation costs."""

    BARS = (
        Bar(
            "birth", "birth of a sandboxed worker, request → ready, ≤ 10 ms p50", lambda value: value <= 0.010
        ),
        Bar("birth ratio", "birth ≤ 1.6 × the same double fork without layers", lambda value: value <= 1.6),
        Bar(
            "call on a spare", "call on a spare, hand-off → result, ≤ 1 ms p50", lambda value: value <= 0.001
        ),
        Bar("disposable calls", "150 disposable calls/s sustained", lambda value: value >= 150),
        Bar("memory of a further worker", "≤ 12 MiB for each further worker", lambda value: value <= 12),
        Bar("growth of a zygote", "a zygote grows by at most 2 MiB in its life", lambda value: value <= 2),
        Bar("crash → next answer", "next call answered ≤ 10 ms after a crash", lambda value: value <= 0.010),
        Bar(
            "host killed → nothing left",
            "nothing left ≤ 100 ms after the host's SIGKILL",
            lambda value: value <= 0.1,
        ),
    )


def run_sandbox(*, console: Console, amounts: Amounts) -> SandboxRun:
    """Measure. `console` shows what is going on meanwhile."""
    measures = (measure_births, measure_calls, measure_host_kill)
    return SandboxRun(*take(console, [partial(measure, amounts) for measure in measures]))
