"""Leaks: a long life in miniature. Many calls and many restarts, and what they leave in the host's memory."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psutil

import dspash

__all__ = ["LeakReport", "check_leaks"]

_MIB: Final = 1 << 20
_WINDOW: Final = 64  # calls under way at a time
_LIMIT_S: Final = 60.0  # for any one answer, a restart included
_SLEEPER: Final = """
import time

import dspy


class Sleeper(dspy.Module):
    def forward(self, seconds):
        time.sleep(seconds)
"""
_WARM_CALLS: Final = 2_000
_WARM_RESTARTS: Final = 5
"""What the first few bring into memory is the price of starting."""


@dataclass(frozen=True, slots=True)
class LeakReport:
    """Growth of the host process from after the first calls and restarts to after the last, in MiB."""

    calls: int
    restarts: int
    growth_by_calls_mib: float
    growth_by_restarts_mib: float

    @property
    def growth_mib(self) -> float:
        """All of it."""
        return self.growth_by_calls_mib + self.growth_by_restarts_mib

    def __str__(self) -> str:
        return (
            f"{self.calls:,} calls: host memory {self.growth_by_calls_mib:+.1f} MiB; "
            f"{self.restarts:,} restarts: {self.growth_by_restarts_mib:+.1f} MiB"
        )


def check_leaks(*, calls: int, restarts: int, on_step: Callable[[str], None]) -> LeakReport:
    """Make the calls, then kill the worker inside a call again and again, each new one answering once.

    Raises DspashError when a call fails that nothing was done to.
    """
    with dspash.open(workers=1, lm="offline", sandbox="process", database=None) as app:
        qa = app.module("predict", "question -> answer")
        sleeper = app.program("sleeper", source=_SLEEPER)
        on_step(f"{calls:,} calls")
        _make_calls(app, qa, _WARM_CALLS)
        before_calls = _resident_mib()
        _make_calls(app, qa, calls)
        after_calls = _resident_mib()
        for _ in range(_WARM_RESTARTS):
            _restart(app, sleeper)
        before_restarts = _resident_mib()
        for number in range(restarts):
            on_step(f"restart {number + 1:,} of {restarts:,}")
            _restart(app, sleeper)
        after_restarts = _resident_mib()
    return LeakReport(calls, restarts, after_calls - before_calls, after_restarts - before_restarts)


def _make_calls(app: dspash.App, qa: dspash.Module, count: int) -> None:
    """One in ten runs a Predict, the others are pings."""
    for begin in range(0, count, _WINDOW):
        numbers = range(begin, min(begin + _WINDOW, count))
        futures = [
            app.submit(*qa.request({"question": f"What is {number}?"}), timeout_s=_LIMIT_S)
            if number % 10 == 0
            else app.submit("ping", {"payload": number}, timeout_s=_LIMIT_S)
            for number in numbers
        ]
        for future in futures:
            future.result()


def _restart(app: dspash.App, sleeper: dspash.Program) -> None:
    """Kill the worker inside a call, and wait for the next one's first answer."""
    (worker,) = app.status().workers
    lost = app.submit(*sleeper.request({"seconds": _LIMIT_S}), timeout_s=_LIMIT_S)
    os.kill(worker.pid, signal.SIGKILL)
    error = lost.exception(_LIMIT_S)
    if not isinstance(error, dspash.WorkerLostError):
        raise AssertionError(f"the killed worker's call ended with {error!r}")
    app.call("ping", {"payload": None}, timeout_s=_LIMIT_S)


def _resident_mib() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / _MIB
