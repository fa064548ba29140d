"""BridgeOptions: everything about the bridge that its owner may set."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from dspash.errors import ConfigurationError
from dspash.supervision import Backoff, Intensity, LivenessLimits, RecyclingLimits
from dspash_protocol import MAX_FRAME

__all__ = ["BridgeOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """Durations in seconds, sizes in bytes.

    `concurrency` is how many calls one worker runs at a time, each in a thread of its own. `max_queue` calls may wait
    for a slot. A call that goes on for `cancel_grace_s` after its end was asked for costs its worker's life; the
    worker's other calls then have `retire_grace_s` to end. `contain=False` leaves bubblewrap out.
    """

    workers: int = 1
    concurrency: int = 8
    max_queue: int = 1024
    max_frame: int = MAX_FRAME
    python: str = sys.executable
    python_path: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: str | None = None
    contain: bool = True
    cancel_grace_s: float = 2.0
    retire_grace_s: float = 10.0
    shutdown_s: float = 5.0
    intensity: Intensity = field(default_factory=Intensity)
    backoff: Backoff = field(default_factory=Backoff)
    liveness: LivenessLimits = field(default_factory=LivenessLimits)
    recycling: RecyclingLimits = field(default_factory=RecyclingLimits)

    def __post_init__(self) -> None:
        _require(self.workers >= 1, "workers", f"{self.workers} is not a number of workers", "give 1 or more")
        _require(
            self.concurrency >= 1,
            "concurrency",
            f"{self.concurrency} calls at a time serve none",
            "give 1 or more",
        )
        _require(
            self.max_queue >= 0, "max_queue", f"{self.max_queue} is negative", "give 0 for no queue, or more"
        )
        _require(
            self.max_frame >= 4096,
            "max_frame",
            f"{self.max_frame} bytes are too few for hello",
            "give 4096 or more",
        )
        for name in ("cancel_grace_s", "retire_grace_s", "shutdown_s"):
            value: float = getattr(self, name)
            _require(0 <= value < math.inf, name, f"{value} is no duration", "give seconds, 0 or more")
        _require(
            shutil.which(self.python) is not None,
            "python",
            f"{self.python!r} is no program",
            "give an interpreter that has dspash",
        )


def _require(holds: bool, path: str, problem: str, way_out: str) -> None:  # noqa: FBT001 - an assertion's shape
    if not holds:
        raise ConfigurationError(path, problem, way_out)
