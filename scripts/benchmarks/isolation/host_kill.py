"""Host kill: how long anything lives on when a host with busy sandboxed workers is killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from benchmarks.isolation.amounts import Amounts, Measured
from benchmarks.samples import quantiles

__all__ = ["measure_host_kill"]

_HOST: Final = Path(__file__).with_name("busy_host.py")
_WORKERS: Final = 8
_LINGER_S: Final = 5.0
_STEP_S: Final = 0.001


def measure_host_kill(amounts: Amounts, on_step: Callable[[str], None]) -> list[Measured]:
    """Kill hosts, each busy with eight calls; a zombie holds nothing any more, and counts as gone."""
    seconds: list[float] = []
    for number in range(amounts.host_kills):
        on_step(f"host {number + 1} of {amounts.host_kills} with {_WORKERS} busy workers")
        popen = subprocess.Popen([sys.executable, str(_HOST), str(_WORKERS)], stdout=subprocess.PIPE)
        with popen:
            assert popen.stdout is not None
            pids = [int(word) for word in popen.stdout.readline().split()]
            if len(pids) < _WORKERS:
                raise AssertionError(f"the host had {len(pids)} processes only")
            family = [process for pid in pids for process in _found(pid)]
            began = time.perf_counter()
            popen.send_signal(signal.SIGKILL)
            seconds.append(_until_gone(family, began))
    gone = quantiles(seconds)
    return [Measured("host killed → nothing left", max(seconds), "s", gone)]


def _found(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [psutil.Process(pid)]
    return []


def _until_gone(family: list[psutil.Process], began: float) -> float:
    while family:
        family = [process for process in family if _runs(process)]
        passed = time.perf_counter() - began
        if passed > _LINGER_S:
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            return passed
        if family:
            time.sleep(_STEP_S)
    return time.perf_counter() - began


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
