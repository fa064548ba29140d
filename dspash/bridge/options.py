"""BridgeOptions: everything about the bridge that its owner may set."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dspash.errors import ConfigurationError
from dspash.supervision import Backoff, Intensity, LivenessLimits, RecyclingLimits
from dspash_protocol import MAX_FRAME, MIN_FRAME

__all__ = ["BridgeOptions"]


_COUNTS: Final = {
    "workers": 1,
    "concurrency": 1,
    "max_queue": 0,
    "sandboxes": 1,
    "spares": 0,
    "max_frame": MIN_FRAME,
}
"""The settings that are whole numbers, and the least that each may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """Durations in seconds, sizes in bytes.

    `concurrency` is how many calls one worker runs at a time, each in a thread of its own. `max_queue` calls may wait
    for a slot. A call that goes on for `cancel_grace_s` after its end was asked for costs its worker's life; the
    worker's other calls then have `retire_grace_s` to end. `contain=False` leaves bubblewrap out. With `zygote`, one
    process imports DSPy and forks the workers, in milliseconds each, where the system and the interpreter can do that;
    otherwise each worker imports it for itself.

    `sandboxes` is how many sandboxed calls run at a time, each in a worker of its own; of each kind of such workers up
    to `spares` are kept ready, as many as the calls of late make worth it.
    """

    workers: int = 1
    concurrency: int = 8
    max_queue: int = 1024
    sandboxes: int = 16
    spares: int = 8
    max_frame: int = MAX_FRAME
    python: str = sys.executable
    python_path: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: str | None = None
    contain: bool = True
    zygote: bool = True
    cancel_grace_s: float = 2.0
    retire_grace_s: float = 10.0
    shutdown_s: float = 5.0
    intensity: Intensity = field(default_factory=Intensity)
    backoff: Backoff = field(default_factory=Backoff)
    liveness: LivenessLimits = field(default_factory=LivenessLimits)
    recycling: RecyclingLimits = field(default_factory=RecyclingLimits)

    def __post_init__(self) -> None:
        for name, least in _COUNTS.items():
            count: object = getattr(self, name)
            _require(
                _is_count(count, least), name, f"{count!r} is no count", f"give an integer, {least} or more"
            )
        for name in ("cancel_grace_s", "retire_grace_s", "shutdown_s"):
            value: object = getattr(self, name)
            _require(_is_duration(value), name, f"{value!r} is no duration", "give seconds, 0 or more")
        _require(
            shutil.which(self.python) is not None,
            "python",
            f"{self.python!r} is no program",
            "give an interpreter that has dspash",
        )
        _require(
            self.cwd is None or Path(self.cwd).is_dir(),
            "cwd",
            f"{self.cwd!r} is no folder",
            "give one that exists",
        )
        for name, text in self.environment.items():
            _require_variable(name, text)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _require_variable(name: object, text: object) -> None:
    """Raise ConfigurationError for a variable that no process can have: spawning would fail, again and again."""
    path = f"env[{name!r}]"
    named = isinstance(name, str) and name != "" and not {"=", "\0"} & set(name)
    _require(named, path, "this cannot name a variable", "give text without '='")
    fits = isinstance(text, str) and "\0" not in text
    _require(fits, path, f"{type(text).__name__} is no value of a variable", "give text without NUL")


def _require(holds: bool, path: str, problem: str, way_out: str) -> None:  # noqa: FBT001 - an assertion's shape
    if not holds:
        raise ConfigurationError(path, problem, way_out)
