"""Calls: what a sandboxed call takes where a worker is ready, how many there can be, and what follows a crash."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

import dspash
from benchmarks.isolation.amounts import Amounts, Measured
from benchmarks.samples import quantiles

__all__ = ["measure_calls"]

_SOURCE: Final = """
import dspy

class Trivial(dspy.Module):
    def forward(self, word):
        return dspy.Prediction(answer=word)
"""
_SLEEPER: Final = """
import time
import dspy

class Sleeper(dspy.Module):
    def forward(self):
        time.sleep(60)
"""
_CALLERS: Final = 8
_BOUND_S: Final = 30.0

REST_S: Final = 0.05
"""Between calls on spares: no birth then takes a processor from a call, and how many there can be is measured apart."""


def measure_calls(amounts: Amounts, on_step: Callable[[str], None]) -> list[Measured]:
    """One call after another with a spare ready, then as many as there can be, then crashes."""
    with dspash.open(timeout_s=_BOUND_S, database=None) as app:
        program = app.program("trivial", source=_SOURCE)
        app.run(program, {"word": "warm"})
        on_step("calls on spares")
        handed: list[float] = []
        called: list[float] = []
        for number in range(amounts.spare_calls):
            _await_spare(app)
            began = time.perf_counter()
            prediction = app.run(program, {"word": str(number)})
            called.append(time.perf_counter() - began)
            handed.append(prediction.usage.wall_s)
        on_step("calls without a pause")
        rate = _sustained(app, program, amounts.sustained_s)
    hand_off, whole = quantiles(handed), quantiles(called)
    return [
        Measured("call on a spare", hand_off.p50, "s", hand_off),
        Measured("call on a spare, for its caller", whole.p50, "s", whole),
        Measured("disposable calls", rate, "calls/s"),
        *_measure_crashes(amounts, on_step),
    ]


def _await_spare(app: dspash.App) -> None:
    until = time.monotonic() + _BOUND_S
    while app.status().sandbox.spares == 0:
        if time.monotonic() > until:
            raise TimeoutError("no spare worker is made")
        time.sleep(0.001)
    time.sleep(REST_S)


def _sustained(app: dspash.App, program: dspash.Program, seconds: float) -> float:
    """Calls a second of several callers at once, each in a worker of its own."""
    until = time.monotonic() + seconds
    counts: list[int] = []

    def call() -> None:
        count = 0
        while time.monotonic() < until:
            if app.run(program, {"word": str(count)})["answer"] != str(count):
                raise AssertionError("a call answered something else than it was sent")
            count += 1
        counts.append(count)

    began = time.monotonic()
    threads = [threading.Thread(target=call) for _ in range(_CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) < _CALLERS:
        raise AssertionError("a caller's call failed")
    return sum(counts) / (time.monotonic() - began)


def _measure_crashes(amounts: Amounts, on_step: Callable[[str], None]) -> list[Measured]:
    """A trusted worker that is killed in the middle of a call, and the next one, for which its registry is replayed.

    In the middle of a call, because whoever makes calls that end their worker sets the pace of its restarts; one that
    ends again and again with nothing to do is kept waiting.
    """
    seconds: list[float] = []
    with dspash.open(timeout_s=_BOUND_S, max_restarts=1000, database=None) as app:
        module = app.module("predict", "question -> answer")
        sleeper = app.program("sleeper", source=_SLEEPER, sandbox="process")
        for number in range(amounts.crashes):
            on_step(f"crash {number + 1} of {amounts.crashes}")
            app.run(module, {"question": f"What is {number}?"})
            time.sleep(0.3)  # what is forked ahead of need has been
            lost = threading.Thread(target=_run_into_loss, args=(app, sleeper))
            lost.start()
            _kill(_await_busy(app))
            died_at = time.perf_counter()
            _call_until_answered(app, number)
            seconds.append(time.perf_counter() - died_at)
            lost.join(_BOUND_S)
    next_call = quantiles(seconds)
    return [Measured("crash → next answer", next_call.p50, "s", next_call)]


def _run_into_loss(app: dspash.App, sleeper: dspash.Program) -> None:
    """Run what does not end by itself."""
    with contextlib.suppress(dspash.WorkerLostError, dspash.CallTimeoutError):
        app.run(sleeper, {})


def _await_busy(app: dspash.App) -> int:
    """The pid of the worker that has taken the call."""
    until = time.monotonic() + _BOUND_S
    while time.monotonic() < until:
        for worker in app.status().workers:
            if worker.busy:
                return worker.pid
        time.sleep(0.001)
    raise TimeoutError("no worker takes the call")


def _kill(pid: int) -> None:
    """Kill a process, and return once it is dead."""
    handle = os.pidfd_open(pid)
    dead = select.poll()
    dead.register(handle, select.POLLIN)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    dead.poll(_BOUND_S * 1000)
    os.close(handle)


def _call_until_answered(app: dspash.App, number: int) -> None:
    """Call; a call that was sent before the loss was noticed is made again, as its error allows."""
    until = time.monotonic() + _BOUND_S
    while time.monotonic() < until:
        try:
            app.call("ping", {"payload": number})
        except dspash.WorkerLostError:
            continue
        return
    raise TimeoutError("no worker answers after a crash")
