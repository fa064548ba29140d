"""What the gateway costs: on the way of a call, in a crowd, from the cache, and before the first token of a stream."""

from __future__ import annotations

from benchmarks.gateway.amounts import FULL_CALLS, QUICK_CALLS, GatewayAmounts
from benchmarks.gateway.cached import measure_cached
from benchmarks.gateway.crowd import measure_crowd
from benchmarks.gateway.failures import measure_failures
from benchmarks.gateway.overhead import measure_overhead
from benchmarks.gateway.tokens import measure_tokens

__all__ = [
    "FULL_CALLS",
    "QUICK_CALLS",
    "GatewayAmounts",
    "measure_cached",
    "measure_crowd",
    "measure_failures",
    "measure_overhead",
    "measure_tokens",
]
