"""Life: one host from its start until nothing of it is left."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import psutil

from benchmarks.kills.told import Told

__all__ = ["LifeReport", "live"]

_HOST: Final = Path(__file__).with_name("host.py")
_MOST_S: Final = 60.0  # for a host to tell what it is to tell; it takes a few seconds
_GONE_S: Final = 10.0  # for what it had started to end after it
_STEP_S: Final = 0.002
_MOST_WORDS: Final = 20_000

LifeReport = list[str]
"""What was wrong with it; empty when nothing was."""


def live(name: str, database: str, told: Told, *, lines: int) -> LifeReport:
    """Have a host work until it has told so many lines and holds an evaluation; kill it, and see everything end."""
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(_HOST), name, database],
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as host,
    ):
        # So ended it says where its threads are.
        too_late = threading.Timer(_MOST_S, host.send_signal, [signal.SIGABRT])
        too_late.start()
        try:
            heard = _hear(host, told, lines)
            family = [psutil.Process(host.pid), *_below(host.pid)]
            host.kill()
            assert host.stdout is not None
            for line in host.stdout:  # what it had told before
                told.hear(line)
        finally:
            too_late.cancel()
            host.kill()
        if not heard:
            stderr.seek(0)
            words = stderr.read().decode(errors="replace")[-_MOST_WORDS:]
            return [f"{name}: ended, or told too little within {_MOST_S:g} s: {words}"]
        return [f"{name}: left behind: {left}" for left in _left_of(family)]


def _hear(host: subprocess.Popen[bytes], told: Told, lines: int) -> bool:
    """Whether it told so many lines, and of an evaluation that it holds."""
    assert host.stdout is not None
    held = len(told.held)
    for line in host.stdout:
        told.hear(line)
        lines -= 1
        if lines <= 0 and len(told.held) > held:
            return True
    return False


def _below(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def _left_of(family: list[psutil.Process]) -> list[str]:
    """Those that have not ended within the bound; they are ended here."""
    deadline = time.monotonic() + _GONE_S
    while (family := [process for process in family if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(_STEP_S)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return [repr(process) for process in family]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
