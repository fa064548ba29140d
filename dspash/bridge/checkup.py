"""Checkup: looks at worker processes from outside, to tell the hung from the busy."""

from __future__ import annotations

import time
from typing import Final

import psutil

from dspash.bridge.worker import Worker
from dspash.bridge.worker_state import WorkerState
from dspash.supervision import Hung, LivenessLimits, Phase, ProcessState, StartFailed, Vitals, judge

__all__ = ["Checkup"]

SHARE_OVER_S: Final = 0.5
"""The kernel counts CPU time in ticks of 10 ms: over less, a busy worker may seem idle."""


class Checkup:
    """Remembers from one look to the next how much CPU time each worker had used."""

    def __init__(self, limits: LivenessLimits) -> None:
        self._limits = limits
        self._looks: dict[Worker, tuple[float, float]] = {}  # when, and the CPU seconds used until then

    def __repr__(self) -> str:
        return f"<Checkup workers={len(self._looks)}>"

    def find_fault(self, worker: Worker) -> Hung | StartFailed | None:
        """Why the worker has to be ended, if it has to. To be called every second or so."""
        now = time.monotonic()
        match worker.state:
            case WorkerState.BOOTING:
                vitals = self._vitals(worker, Phase.BOOTING, now - worker.started_at)
            case WorkerState.READY if now - worker.heard_at > self._limits.heartbeat_s:
                vitals = self._vitals(worker, Phase.RUNNING, now - worker.heard_at)
            case _:
                self._looks.pop(worker, None)
                return None
        verdict = judge(vitals, self._limits) if vitals is not None else None
        return verdict if isinstance(verdict, Hung | StartFailed) else None

    def forget(self, worker: Worker) -> None:
        """The worker is gone."""
        self._looks.pop(worker, None)

    def _vitals(self, worker: Worker, phase: Phase, silent_s: float) -> Vitals | None:
        """One look; None when the process is gone already, or cannot be told busy from idle yet: that takes two."""
        try:
            process = psutil.Process(worker.process.pid)
            times, state = process.cpu_times(), ProcessState.from_word(process.status())
        except psutil.Error:
            return None
        now, used_s = time.monotonic(), times.user + times.system
        before_at, before_s = self._looks.setdefault(worker, (now, used_s))
        if now - before_at < SHARE_OVER_S:
            return None
        self._looks[worker] = (now, used_s)
        return Vitals(phase, silent_s, (used_s - before_s) / (now - before_at), state)
