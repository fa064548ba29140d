"""Recycling: a used-up worker is replaced, for the first rule it meets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.supervision import RecycleCause, Recycled, RecyclingLimits, WorkerUse, recycle

MIB = 1024 * 1024
FRESH = WorkerUse(calls=0, age_s=0.0, memory_bytes=80 * MIB)


@pytest.mark.parametrize(
    ("limits", "use", "verdict"),
    [
        (RecyclingLimits(), WorkerUse(calls=10**9, age_s=1e9, memory_bytes=2**50), None),
        (RecyclingLimits(max_calls=3), WorkerUse(calls=2, age_s=9, memory_bytes=1), None),
        (
            RecyclingLimits(max_calls=3),
            WorkerUse(calls=3, age_s=9, memory_bytes=1),
            Recycled(RecycleCause.CALLS, "3 calls, limit 3"),
        ),
        (RecyclingLimits(max_age_s=60), WorkerUse(calls=9, age_s=59.9, memory_bytes=1), None),
        (
            RecyclingLimits(max_age_s=60),
            WorkerUse(calls=0, age_s=60, memory_bytes=1),
            Recycled(RecycleCause.AGE, "60 s old, limit 60 s"),
        ),
        (
            RecyclingLimits(max_memory_bytes=512 * MIB),
            WorkerUse(calls=1, age_s=1, memory_bytes=512 * MIB),
            None,
        ),
        (
            RecyclingLimits(max_memory_bytes=512 * MIB),
            WorkerUse(calls=1, age_s=1, memory_bytes=600 * MIB),
            Recycled(RecycleCause.MEMORY, "600 MiB, limit 512 MiB"),
        ),
        (
            RecyclingLimits(max_calls=3, max_age_s=1, max_memory_bytes=1),
            WorkerUse(calls=3, age_s=1, memory_bytes=2),
            Recycled(RecycleCause.CALLS, "3 calls, limit 3"),
        ),
    ],
)
def test_each_limit_is_met_exactly(limits: RecyclingLimits, use: WorkerUse, verdict: Recycled | None) -> None:
    assert recycle(limits, use) == verdict


def test_a_worker_born_too_large_serves_before_it_is_replaced() -> None:
    assert recycle(RecyclingLimits(max_memory_bytes=MIB), FRESH) is None


@given(
    max_calls=st.none() | st.integers(1, 10**6),
    max_age_s=st.none() | st.floats(0.001, 1e6),
    max_memory_bytes=st.none() | st.integers(1, 2**40),
)
def test_a_fresh_worker_is_never_replaced_so_recycling_cannot_run_in_circles(
    max_calls: int | None, max_age_s: float | None, max_memory_bytes: int | None
) -> None:
    limits = RecyclingLimits(max_calls=max_calls, max_age_s=max_age_s, max_memory_bytes=max_memory_bytes)
    assert recycle(limits, FRESH) is None
