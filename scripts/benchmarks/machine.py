"""Machine: the facts without which a measured time means nothing."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

__all__ = ["Machine", "describe_machine"]

_PACKAGES: Final = ("dspash", "dspy", "msgpack", "loky", "pebble", "execnet", "grpcio")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and with what a run was measured; `load` is the one-minute load average before it began."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    load: float
    packages: dict[str, str]

    def __str__(self) -> str:
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB · {self.kernel} · Python {self.python} · "
            f"load {self.load:.1f} at the start"
        )


def describe_machine() -> Machine:
    """Look at this machine now."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        memory_gib=psutil.virtual_memory().total / 2**30,
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load=os.getloadavg()[0],
        packages={name: found for name in _PACKAGES if (found := _version(name)) is not None},
    )


def _cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
