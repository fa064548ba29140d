"""Liveness: whether a worker that says nothing is busy or hung."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from dspash.supervision.exit_reason import Hung, StartFailed
from dspash.supervision.validation import require_count, require_period

__all__ = ["Alive", "Busy", "LivenessLimits", "Phase", "ProcessState", "Verdict", "Vitals", "judge"]

_BUSY_CPU_SHARE: Final = 0.1
"""CPU seconds per second from which a silent process counts as working.

Not just above 0: threads that wait for a GIL which is never released wake every 5 ms to ask for it. A worker
deadlocked that way was measured at a share of 0.012 with one to four such threads and 0.04 with sixteen
(CPython 3.11).
"""


class Phase(StrEnum):
    """Where a worker is in its life, as far as liveness is concerned."""

    BOOTING = "booting"
    RUNNING = "running"


class ProcessState(StrEnum):
    """What the kernel says of the process's main thread, in psutil's words."""

    RUNNING = "running"
    SLEEPING = "sleeping"
    DISK_SLEEP = "disk-sleep"
    STOPPED = "stopped"
    TRACING_STOP = "tracing-stop"
    ZOMBIE = "zombie"

    @classmethod
    def from_word(cls, word: str) -> ProcessState:
        """Read psutil's word; the rarer ones (`idle`, `parked` …) mean nothing else to us than sleeping."""
        try:
            return cls(word)
        except ValueError:
            return cls.SLEEPING


@dataclass(frozen=True, slots=True)
class LivenessLimits:
    """How patient to be. A running worker beats every `heartbeat_s`; `missed` beats in a row make it silent.

    A booting worker sends nothing, and has `boot_timeout_s` from its start to become ready; imports run in
    that time.

    Raises ConfigurationError naming the field that is wrong.
    """

    heartbeat_s: float = 1.0
    missed: int = 5
    boot_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        require_period("LivenessLimits.heartbeat_s", self.heartbeat_s)
        require_count("LivenessLimits.missed", self.missed, least=1)
        require_period("LivenessLimits.boot_timeout_s", self.boot_timeout_s)

    @property
    def silence_s(self) -> float:
        """The longest time between signs of life that raises no question."""
        return self.heartbeat_s * self.missed


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at a worker.

    `silent_s` is the time since its last frame of any kind, or since its start while it boots. Look only
    after its pipe was read dry: when it is the host that stood still, the heartbeats wait there. `cpu_share`
    is the CPU time of the whole process since the look before, divided by the time between the two, which
    should be `heartbeat_s` or more; 0.0 at the first look.
    """

    phase: Phase
    silent_s: float
    cpu_share: float
    state: ProcessState


@dataclass(frozen=True, slots=True)
class Alive:
    """It gave a sign of life in time, or is still within its time to boot."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Silent for `silent_s` but working: code that holds the GIL, as imports do, starves the heartbeat."""

    silent_s: float


Verdict: TypeAlias = Alive | Busy | Hung | StartFailed
"""The last two are exit reasons: kill the worker, and give the verdict as the reason it ended."""


def judge(vitals: Vitals, limits: LivenessLimits) -> Verdict:
    """Say how a worker is, from one look at it.

    A stuck call in a worker that beats is not found here: that is for the call's own deadline.
    """
    match vitals:
        case Vitals(phase=Phase.BOOTING, silent_s=silent_s) if silent_s >= limits.boot_timeout_s:
            return StartFailed(f"not ready within {limits.boot_timeout_s:g} s, process {vitals.state}")
        case Vitals(phase=Phase.BOOTING):
            return Alive()
        case Vitals(silent_s=silent_s) if silent_s <= limits.silence_s:
            return Alive()
        case Vitals(state=ProcessState.STOPPED | ProcessState.TRACING_STOP | ProcessState.ZOMBIE):
            return Hung(vitals.silent_s)
        case Vitals(state=ProcessState.RUNNING | ProcessState.DISK_SLEEP):
            # A loaded machine or a slow disk keeps such a process from using CPU; it is not idle.
            return Busy(vitals.silent_s)
        case Vitals(cpu_share=cpu_share) if cpu_share >= _BUSY_CPU_SHARE:
            return Busy(vitals.silent_s)
        case _:
            return Hung(vitals.silent_s)
