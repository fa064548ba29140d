"""What traces cost: on the path of a call, to write, and to find again."""

from __future__ import annotations

from benchmarks.tracing.amounts import FULL_TRACES, QUICK_TRACES, TraceAmounts
from benchmarks.tracing.finding import measure_finding
from benchmarks.tracing.overhead import measure_overhead
from benchmarks.tracing.writing import measure_writing

__all__ = [
    "FULL_TRACES",
    "QUICK_TRACES",
    "TraceAmounts",
    "measure_finding",
    "measure_overhead",
    "measure_writing",
]
