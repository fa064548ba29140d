"""Status: what the bridge looks like at one moment."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BridgeStatus", "WorkerStatus"]


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker. `memory_mb` is resident, in MiB, None until it was measured; `age_s` counts from its start."""

    id: str
    pid: int
    generation: int
    state: str
    busy: int
    calls: int
    memory_mb: float | None
    age_s: float


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """All of it. `restarts` counts generations beyond the first; `calls` those that workers have ended.

    `unmatched_replies` are answers to calls that nobody waited for any more: late, doubled or invented.
    `containment` is what holds a worker's descendants together, with the reason where it is the weaker kind.
    """

    workers: tuple[WorkerStatus, ...]
    queued: int
    running: int
    restarts: int
    calls: int
    unmatched_replies: int
    containment: str
    gave_up: str | None = None
