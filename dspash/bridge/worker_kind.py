"""WorkerKind: what makes workers alike enough that one can take another's place."""

from __future__ import annotations

from dataclasses import dataclass

from dspash.sandbox.spec import ZygoteSpec
from dspash_protocol.confinement_plan import ConfinementPlan

__all__ = ["WorkerKind"]


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """Which kind of zygote bears a worker, how it is confined before it hears anything, and its longest message."""

    spec: ZygoteSpec
    plan: ConfinementPlan
    frame_bytes: int
