"""Limits: what one call of a sandboxed program may use."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

from dspash.errors import ConfigurationError
from dspash.supervision.validation import require_count
from dspash_protocol.confinement_plan import ResourceLimits

__all__ = ["Limits"]

MIB: Final = 1 << 20
LEAST_MEMORY_MB: Final = 256  # DSPy itself, and the stacks of a few threads
LEAST_FILES: Final = 32
LEAST_THREADS: Final = 8  # the worker's own, and one call's
SPARE_ADDRESSES: Final = 1 << 30
"""What libraries reserve and never touch, beyond the memory a program may have."""
LONGEST_FRAME_MB: Final = 64

_DURATIONS: Final = ("cpu_s", "wall_s", "total_s")
_LEAST: Final = {
    "memory_mb": LEAST_MEMORY_MB,
    "threads": LEAST_THREADS,
    "files": LEAST_FILES,
    "scratch_files": 16,
    "frames": 16,
}
_BUDGETS: Final = ("lm_calls", "lm_tokens", "tool_calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one call of a sandboxed program may use; going past one ends that call with LimitExceededError.

    Sizes are in MiB. The budgets `lm_calls`, `lm_tokens` and `tool_calls` may be None, which is no limit.
    """

    cpu_s: float = 30.0
    """CPU time of all its threads, in seconds; enforced in whole seconds, rounded up."""
    memory_mb: int = 1024
    """Memory, in MiB: at least 256, of which DSPy itself takes some 100."""
    wall_s: float = 60.0
    """Seconds from hand-off to result, not counting those it waits for language models."""
    total_s: float = 300.0
    """Seconds from hand-off to result, whatever it waits for; at least `wall_s`."""
    threads: int = 64
    """Threads, at least 8. Processes of its own it cannot start."""
    files: int = 256
    """Files open at a time, at least 32."""
    file_mb: int = 32
    """Longest file it may write, in MiB."""
    scratch_mb: int = 64
    """All files in its scratch folder together, in MiB; they count as memory, too."""
    scratch_files: int = 4096
    """Files and folders in its scratch folder, at least 16."""
    frame_mb: int = 1
    """Longest message it may send, in MiB: 1 to 64. A result is one message."""
    frames: int = 2000
    """Messages it may send besides those that its budgets allow it, at least 16."""
    output_mb: int = 8
    """What it may print to stdout and stderr, in MiB; the last MiB is kept."""
    lm_calls: int | None = 200
    """Calls to language models."""
    lm_tokens: int | None = 1_000_000
    """Tokens of its language model calls, prompts and completions together; the call that goes past them is the last."""
    tool_calls: int | None = 1000
    """Calls to the host's tools."""

    def __post_init__(self) -> None:
        for limit in fields(self):
            path, value = f"limits.{limit.name}", getattr(self, limit.name)
            if limit.name in _DURATIONS:
                _require_time(path, value)
            elif limit.name not in _BUDGETS:
                require_count(path, value, least=_LEAST.get(limit.name, 1))
            elif value is not None:
                require_count(path, value)
        if self.total_s < self.wall_s:
            raise ConfigurationError(
                "limits.total_s", f"{self.total_s:g} s are less than wall_s", f"give {self.wall_s:g} or more"
            )
        if self.frame_mb > LONGEST_FRAME_MB:
            raise ConfigurationError(
                "limits.frame_mb", f"{self.frame_mb} is too long", f"give {LONGEST_FRAME_MB} or less"
            )

    @property
    def frame_bytes(self) -> int:
        """Longest payload that is read from the worker."""
        return self.frame_mb * MIB

    @property
    def resources(self) -> ResourceLimits:
        """Those that the kernel enforces on the worker itself."""
        memory = self.memory_mb * MIB
        return ResourceLimits(
            address_space_bytes=memory + SPARE_ADDRESSES,
            data_bytes=memory,
            cpu_s=math.ceil(self.cpu_s),
            file_bytes=self.file_mb * MIB,
            open_files=self.files,
            threads=self.threads,
            scratch_bytes=self.scratch_mb * MIB,
            scratch_inodes=self.scratch_files,
        )


def _require_time(path: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ConfigurationError(path, f"{value!r} is not a time", "give seconds, more than 0")
