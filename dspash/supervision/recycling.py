"""Recycling: when a healthy worker is replaced by a fresh one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dspash.supervision.exit_reason import RecycleCause, Recycled
from dspash.supervision.validation import require_count, require_period

__all__ = ["RecyclingLimits", "WorkerUse", "recycle"]

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RecyclingLimits:
    """When a worker is used up; None means never.

    `max_calls` that it has ended, `max_age_s` since it became ready, `max_memory_bytes` resident, its own
    alone.

    Raises ConfigurationError naming the field that is wrong.
    """

    max_calls: int | None = None
    max_age_s: float | None = None
    max_memory_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.max_calls is not None:
            require_count("RecyclingLimits.max_calls", self.max_calls, least=1)
        if self.max_age_s is not None:
            require_period("RecyclingLimits.max_age_s", self.max_age_s)
        if self.max_memory_bytes is not None:
            require_count("RecyclingLimits.max_memory_bytes", self.max_memory_bytes, least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerUse:
    """What one generation has done and holds: calls ended, seconds since it became ready, bytes resident."""

    calls: int
    age_s: float
    memory_bytes: int


def recycle(limits: RecyclingLimits, use: WorkerUse) -> Recycled | None:
    """Return why to drain and replace the worker, as the reason it will end with; None to keep it.

    A worker that has served nothing is not recycled for its memory: the next would hold as much, and so on
    for ever.
    """
    if limits.max_calls is not None and use.calls >= limits.max_calls:
        return Recycled(RecycleCause.CALLS, f"{use.calls} calls, limit {limits.max_calls}")
    if limits.max_memory_bytes is not None and use.calls > 0 and use.memory_bytes > limits.max_memory_bytes:
        held, limit = use.memory_bytes / _MIB, limits.max_memory_bytes / _MIB
        return Recycled(RecycleCause.MEMORY, f"{held:.0f} MiB, limit {limit:.0f} MiB")
    if limits.max_age_s is not None and use.age_s >= limits.max_age_s:
        return Recycled(RecycleCause.AGE, f"{use.age_s:.0f} s old, limit {limits.max_age_s:g} s")
    return None
