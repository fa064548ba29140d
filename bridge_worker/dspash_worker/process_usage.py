"""Process usage: what this process takes of the machine."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from functools import cache

import psutil

__all__ = ["ProcessUsage", "measure_process"]


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """Resident memory, now and at most, in bytes; processor time since the start, in seconds."""

    rss: int
    peak_rss: int
    cpu_s: float


def measure_process() -> ProcessUsage:
    """Measure. Where /proc is closed, as in a sandbox, the most memory ever held stands for what is held now."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    try:
        rss = _this_process().memory_info().rss
    except (psutil.Error, OSError):
        rss = peak
    return ProcessUsage(rss, max(rss, peak), time.process_time())


@cache
def _this_process() -> psutil.Process:
    return psutil.Process()
