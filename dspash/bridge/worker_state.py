"""WorkerState: where one generation of a worker is in its life."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["WorkerState"]


class WorkerState(StrEnum):
    """Where a generation is in its life. It only ever goes down this list."""

    BOOTING = "booting"
    READY = "ready"
    RETIRING = "retiring"  # the pool sends no more; calls on their way are still taken
    ENDING = "ending"  # nothing more is taken
    LOST = "lost"  # its pipe has ended or was given up
    GONE = "gone"  # let go of
