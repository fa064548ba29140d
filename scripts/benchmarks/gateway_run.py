"""Gateway run: what the gateway costs, judged."""

from __future__ import annotations

from functools import partial

from rich.console import Console

from benchmarks.gateway import (
    GatewayAmounts,
    measure_cached,
    measure_crowd,
    measure_failures,
    measure_overhead,
    measure_tokens,
)
from benchmarks.measured_run import Bar, MeasuredRun, take

__all__ = ["GatewayRun", "run_gateway"]


class GatewayRun(MeasuredRun):
    """Everything one run found out about what the gateway costs."""

    BARS = (
        Bar(
            "dspash beyond httpx",
            "an uncached call ≤ 1.5 ms over bare httpx",
            lambda value: value <= 0.0015,
        ),
        Bar("dspash beyond litellm", "less than LiteLLM's", lambda value: value < 0),
        Bar(
            "crowd / ideal", "calls at a time to a server of 200 ms ≤ 1.5 × ideal", lambda value: value <= 1.5
        ),
        Bar("cached answer by dspash", "a cached answer ≤ 1 ms to the program", lambda value: value <= 0.001),
        Bar("cached / dspy.LM's disk cache", "sooner than from DSPy's disk cache", lambda value: value < 1),
        Bar(
            "calls that ended wrongly",
            "one outcome a call, none paid for twice, all recorded",
            lambda value: value == 0,
        ),
        Bar("first token beyond httpx", "the first token ≤ 3 ms later", lambda value: value <= 0.003),
    )


def run_gateway(*, console: Console, amounts: GatewayAmounts) -> GatewayRun:
    """Measure. `console` shows what is going on meanwhile."""
    measures = (measure_overhead, measure_crowd, measure_cached, measure_tokens, measure_failures)
    return GatewayRun(*take(console, [partial(measure, amounts) for measure in measures]))
