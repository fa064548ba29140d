"""Usage: what a call has used of the machine, of its models and of its tools, and how it was isolated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Isolation", "Usage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call has used.

    `wall_s` counts from its being sent to its end, `lm_wait_s` is the part of it in which it waited for a model.
    `cpu_s` and `peak_memory_bytes` are its worker's, and None where calls share a worker, or nothing was measured.
    """

    wall_s: float = 0.0
    lm_wait_s: float = 0.0
    cpu_s: float | None = None
    peak_memory_bytes: int | None = None
    lm_calls: int = 0
    lm_tokens: int = 0
    tool_calls: int = 0

    @classmethod
    def total(cls, usages: Iterable[Usage]) -> Usage:
        """What several calls have used together, their times added up; of peaks, the highest."""
        found = list(usages)
        cpu = [usage.cpu_s for usage in found if usage.cpu_s is not None]
        peaks = [usage.peak_memory_bytes for usage in found if usage.peak_memory_bytes is not None]
        return cls(
            wall_s=sum(usage.wall_s for usage in found),
            lm_wait_s=sum(usage.lm_wait_s for usage in found),
            cpu_s=sum(cpu) if cpu else None,
            peak_memory_bytes=max(peaks, default=None),
            lm_calls=sum(usage.lm_calls for usage in found),
            lm_tokens=sum(usage.lm_tokens for usage in found),
            tool_calls=sum(usage.tool_calls for usage in found),
        )


@dataclass(frozen=True, slots=True)
class Isolation:
    """How a call was kept apart: the tier's name, and the layers that its worker has reported as applied."""

    tier: str
    layers: frozenset[str] = frozenset()
