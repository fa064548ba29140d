"""Gauge: what a process has used so far, as the kernel tells it from outside."""

from __future__ import annotations

import os
import time
from typing import Final, Protocol

__all__ = ["Gauge", "Known", "read_kernel"]

_KIB: Final = 1024
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_MOST_BYTES: Final = 1 << 14
_CPU_CLOCK: Final = 2  # CPUCLOCK_SCHED of the kernel's posix-timers: a clock id is made of this and the pid


def read_kernel(path: str) -> str:
    """A short file that the kernel makes up as it is read, in a third of the time that Path takes. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _MOST_BYTES).decode("ascii", errors="replace")
    finally:
        os.close(descriptor)


class Known(Protocol):
    """A process whose number may become known only later: 0 until then."""

    @property
    def pid(self) -> int: ...


class Gauge:
    """Reads one process; None where it is gone or not known yet, or the system does not tell."""

    def __init__(self, process: Known) -> None:
        self._process = process

    def __repr__(self) -> str:
        return f"<Gauge {self._process.pid}>"

    def cpu_s(self) -> float | None:
        """CPU seconds of all its threads, ended ones included; exact, and about 1 µs to read."""
        pid = self._process.pid
        if pid <= 0:
            return None  # the clock of process 0 would be our own
        try:
            return time.clock_gettime((~pid << 3) | _CPU_CLOCK)
        except OSError:
            return None

    def resident_bytes(self) -> int | None:
        """What is in memory for it, pages that it shares with others included."""
        words = self._read("statm").split()
        return int(words[1]) * _PAGE if len(words) > 1 else None

    def proportional_bytes(self) -> int | None:
        """The same with shared pages divided among those that share them: some ms to read."""
        return self._kib_in("smaps_rollup", "Pss:")

    def peak_bytes(self) -> int | None:
        """The most that was resident."""
        return self._kib_in("status", "VmHWM:")

    def _kib_in(self, file: str, key: str) -> int | None:
        for line in self._read(file).splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * _KIB
        return None

    def _read(self, file: str) -> str:
        try:
            return read_kernel(f"/proc/{self._process.pid}/{file}")
        except OSError:
            return ""
