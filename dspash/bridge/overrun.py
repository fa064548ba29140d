"""Overrun: one limit of a sandboxed call, and by how much the call went past it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dspash.errors import LimitExceededError
from dspash_protocol import Progress

__all__ = ["Limit", "LimitOverrun", "Overrun"]


class Limit(StrEnum):
    """What a call may use up."""

    WALL = "wall"
    TOTAL = "total"
    CPU = "cpu"
    MEMORY = "memory"
    SCRATCH = "scratch"
    FILE_SIZE = "file_size"
    FILES = "files"
    THREADS = "threads"
    FRAME = "frame"
    FRAMES = "frames"
    FRAME_TIME = "frame_time"
    RATE = "rate"
    READING = "reading"
    OUTPUT = "output"
    LM_CALLS = "lm_calls"
    LM_TOKENS = "lm_tokens"
    TOOL_CALLS = "tool_calls"


_UNITS: Final[dict[Limit, tuple[str, str]]] = {
    Limit.WALL: ("s", "wall_s"),
    Limit.TOTAL: ("s", "total_s"),
    Limit.CPU: ("s", "cpu_s"),
    Limit.MEMORY: ("MiB", "memory_mb"),
    Limit.SCRATCH: ("MiB", "scratch_mb"),
    Limit.FILE_SIZE: ("MiB", "file_mb"),
    Limit.FILES: ("open files", "files"),
    Limit.THREADS: ("threads", "threads"),
    Limit.FRAME: ("MiB", "frame_mb"),
    Limit.FRAMES: ("frames", "frames"),
    Limit.FRAME_TIME: ("s", ""),
    Limit.RATE: ("frames/s", ""),
    Limit.READING: ("s", "frame_mb"),
    Limit.OUTPUT: ("MiB", "output_mb"),
    Limit.LM_CALLS: ("calls", "lm_calls"),
    Limit.LM_TOKENS: ("tokens", "lm_tokens"),
    Limit.TOOL_CALLS: ("calls", "tool_calls"),
}
"""The unit of each, and the field of Limits that sets it."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """`used` and `allowed` in the limit's own unit; `used` is None where only the kernel knows."""

    limit: Limit
    used: float | None
    allowed: float

    def error(self, progress: Progress) -> LimitExceededError:
        """What the caller is told."""
        unit, setting = _UNITS[self.limit]
        return LimitExceededError(
            limit=str(self.limit),
            used=self.used,
            allowed=self.allowed,
            unit=unit,
            setting=setting,
            progress=progress,
        )


class LimitOverrun(Exception):  # noqa: N818 - carries an Overrun to whoever ends the call; never leaves the bridge
    """A limit was passed just now."""

    def __init__(self, overrun: Overrun) -> None:
        self.overrun = overrun
        super().__init__(overrun)
