"""Attendants: processes that serve one call beside its worker, such as the interpreters of a program."""

from __future__ import annotations

import threading
from typing import Protocol

from dspash.bridge.gauge import Gauge

__all__ = ["Attendant", "Attendants"]


class Attendant(Protocol):
    """A process that serves one call."""

    @property
    def gauge(self) -> Gauge: ...

    def cpu_s(self) -> float:
        """CPU seconds it has used in its life, also once that is over."""
        ...


class Attendants:
    """What they use is what their call uses: a program is not to have its limits once more with each. Thread-safe."""

    __slots__ = ("_left_cpu_s", "_lock", "_present")

    def __init__(self) -> None:
        self._present: list[Attendant] = []
        self._left_cpu_s = 0.0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Attendants present={len(self._present)}>"

    def join(self, attendant: Attendant) -> None:
        """It serves the call from now on."""
        with self._lock:
            self._present.append(attendant)

    def leave(self, attendant: Attendant) -> None:
        """It serves it no more, and may still be alive; what it has used stays used."""
        with self._lock:
            if attendant in self._present:
                self._present.remove(attendant)
                self._left_cpu_s += attendant.cpu_s()

    def cpu_s(self) -> float:
        """CPU seconds of all, those that have left included."""
        with self._lock:
            return self._left_cpu_s + sum(attendant.cpu_s() for attendant in self._present)

    def resident_bytes(self) -> int:
        """What is in memory for those present; what they share counts for each."""
        with self._lock:
            return sum(attendant.gauge.resident_bytes() or 0 for attendant in self._present)

    def proportional_bytes(self) -> int:
        """The same with shared pages divided among those that share them: some ms each to read."""
        with self._lock:
            return sum(attendant.gauge.proportional_bytes() or 0 for attendant in self._present)
