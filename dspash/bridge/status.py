"""Status: what the bridge looks like at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BridgeStatus", "SandboxStatus", "WorkerStatus"]


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
class SandboxStatus:
    """Sandboxed calls: those `running`, those `queued` for a place, and all `calls` whose worker has ended or been kept.

    `cpu_s` is what those have used. `spares` workers are ready. `refused` counts, by command, what programs asked for
    and were not granted; `limits` counts, by name, the limits that ended calls.
    """

    running: int
    queued: int
    spares: int
    calls: int
    cpu_s: float
    refused: Mapping[str, int]
    limits: Mapping[str, int]


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
    sandbox: SandboxStatus
    gave_up: str | None = None
