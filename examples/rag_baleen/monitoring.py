"""Step 8, monitoring: how often the program ran, how often that went well, and how long it took."""

from __future__ import annotations

import dspash

__all__ = ["watch"]


def watch(app: dspash.App, program: dspash.Program) -> None:
    """Print the figures of the last day, from what was kept of every execution."""
    metrics = app.metrics(program)
    print(f"Executions: {metrics.total_executions}")
    if metrics.success_rate is not None:
        print(f"Success rate: {metrics.success_rate:.1%}")
    if metrics.average_execution_time is not None and metrics.p95_s is not None:
        mean_ms, p95_ms = metrics.average_execution_time * 1000, metrics.p95_s * 1000
        print(f"Average execution time: {mean_ms:.0f} ms; 95 % took no longer than {p95_ms:.0f} ms")
