"""What isolation costs: births of confined workers, calls in them, their memory, their ends."""

from __future__ import annotations

from benchmarks.isolation.amounts import FULL_AMOUNTS, QUICK_AMOUNTS, Amounts
from benchmarks.isolation.births import measure_births
from benchmarks.isolation.calls import measure_calls
from benchmarks.isolation.host_kill import measure_host_kill

__all__ = [
    "FULL_AMOUNTS",
    "QUICK_AMOUNTS",
    "Amounts",
    "measure_births",
    "measure_calls",
    "measure_host_kill",
]
