"""Timing: the acts a host process performs on its contestant, with the clock read as close to them as it can be."""

from __future__ import annotations

import os
import select
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.chores import Hang
from benchmarks.contestant import Contestant
from benchmarks.outcomes import Hanging, Lateness, Loss
from benchmarks.predictor import PASSAGES, Predictor, Task

__all__ = [
    "PATIENCE_S",
    "begin_hanging",
    "crunch_rate",
    "first_result",
    "kill_worker",
    "outlive_deadline",
    "pipelined_rate",
    "predictions",
    "round_trips",
]

PATIENCE_S: Final = 3.0
"""What has not happened after so long counts as never."""

_SIGN_LIMIT_S: Final = 20.0  # a worker may have to import its world before it takes the call


class _Hanging:
    """One endless call in a thread of its own; `ended_at` on perf_counter's clock once it came back."""

    def __init__(
        self, contestant: Contestant, how: Hang, folder: str, timeout_s: float | None = None
    ) -> None:
        self._act = (contestant, how, Path(folder) / "sign", timeout_s)
        self.error = ""
        self.began_at = self.ended_at = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        contestant, how, sign, timeout_s = self._act
        self.began_at = time.perf_counter()
        try:
            contestant.hang(how, str(sign), timeout_s)
        except BaseException as error:  # noqa: BLE001 - every system ends a call with an exception of its own
            self.ended_at = time.perf_counter()
            self.error = type(error).__name__

    def wait_until_running(self) -> None:
        """Return once the worker is inside the call."""
        sign, limit = self._act[2], time.monotonic() + _SIGN_LIMIT_S
        while not sign.exists():
            if time.monotonic() > limit or not self._thread.is_alive():
                raise TimeoutError(f"the endless call did not begin: {self.error or 'no sign of it'}")
            time.sleep(0.001)

    def join(self, patience_s: float) -> bool:
        """Whether the call has ended, within `patience_s`."""
        self._thread.join(patience_s)
        return not self._thread.is_alive()


def first_result(contestant: Contestant) -> float:
    """Seconds from nothing to the first answer."""
    payload = contestant.payload(64)
    began = time.perf_counter()
    contestant.start()
    contestant.call(payload)
    return time.perf_counter() - began


def round_trips(contestant: Contestant, count: int, size: int) -> list[float]:
    """Seconds of each of `count` calls, one after another, that echo about `size` bytes."""
    payload = contestant.payload(size)
    call, clock = contestant.call, time.perf_counter
    seconds: list[float] = []
    for _ in range(count):
        began = clock()
        answer = call(payload)
        seconds.append(clock() - began)
        if answer != payload:
            raise AssertionError(f"{contestant.name} answered something else than it was sent")
    return seconds


def pipelined_rate(contestant: Contestant, count: int, window: int) -> float:
    """Calls a second with up to `window` unanswered."""
    began = time.perf_counter()
    contestant.pipelined(count, window)
    return count / (time.perf_counter() - began)


def predictions(predictor: Predictor, task: Task, count: int) -> list[float]:
    """Seconds of each of `count` Predict calls, one after another, no two alike."""
    seconds: list[float] = []
    for number in range(count):
        inputs: dict[str, Any] = {"question": f"Who built lighthouse number {number}?"}
        if task is Task.READING:
            inputs["passages"] = list(PASSAGES)
        began = time.perf_counter()
        predictor.predict(task, inputs)
        seconds.append(time.perf_counter() - began)
    return seconds


def crunch_rate(predictor: Predictor, count: int, rounds: int) -> float:
    """Calls a second of `count` Predict calls with computing around them, as many at once as can be."""
    began = time.perf_counter()
    predictor.crunch(count, rounds)
    return count / (time.perf_counter() - began)


def kill_worker(contestant: Contestant, how: Hang) -> Loss:
    """SIGKILL the worker inside a call, then make another."""
    payload = contestant.payload(64)
    contestant.call(payload)
    contestant.prepare_to_hang()
    worker = contestant.worker_pid()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        hanging = _Hanging(contestant, how, folder)
        hanging.wait_until_running()
        signalled_at, died_at = _kill(worker)
        if not hanging.join(PATIENCE_S):
            # The caller never learns of the loss, so the next call is on the clock from when it is made.
            return Loss(
                "", None, None, _answered_since(contestant, payload, time.perf_counter()), rebuilt=False
            )
    # The worker's pipes close a moment before the kernel reports its death.
    error_s, signal_s = max(0.0, hanging.ended_at - died_at), hanging.ended_at - signalled_at
    next_s = _answered_since(contestant, payload, died_at)
    if next_s is not None:
        return Loss(hanging.error, error_s, signal_s, next_s, rebuilt=False)
    began = time.perf_counter()
    contestant.rebuild()
    contestant.call(payload)
    next_s = error_s + time.perf_counter() - began
    return Loss(hanging.error, error_s, signal_s, next_s, rebuilt=True)


def outlive_deadline(contestant: Contestant, how: Hang, timeout_s: float) -> Lateness:
    """Give an endless call `timeout_s`, then ask for an ordinary one."""
    payload = contestant.payload(64)
    contestant.call(payload)
    contestant.prepare_to_hang()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        hanging = _Hanging(contestant, how, folder, timeout_s)
        if not hanging.join(timeout_s + PATIENCE_S):
            return Lateness("", None, None)
    overshoot_s = hanging.ended_at - hanging.began_at - timeout_s
    return Lateness(hanging.error, overshoot_s, _answered_since(contestant, payload, hanging.ended_at))


def begin_hanging(contestant: Contestant, how: Hang) -> Hanging:
    """Leave the worker inside an endless call."""
    contestant.prepare_to_hang()
    worker = contestant.worker_pid()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        _Hanging(contestant, how, folder).wait_until_running()
    return Hanging([worker])


def _kill(pid: int) -> tuple[float, float]:
    """SIGKILL `pid`; when the signal was sent, and when the process was dead."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        signalled_at = time.perf_counter()
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not poll.poll(PATIENCE_S * 1000):
            raise TimeoutError(f"process {pid} survived SIGKILL for {PATIENCE_S} s")
        return signalled_at, time.perf_counter()
    finally:
        os.close(handle)


def _answered_since(contestant: Contestant, payload: object, since: float) -> float | None:
    """Seconds from `since` to the answer of a call made now; None when it fails or takes too long."""
    answered_at: list[float] = []

    def ask() -> None:
        try:
            contestant.call(payload)
        except BaseException:  # noqa: BLE001 - a broken system says so in its own words
            return
        answered_at.append(time.perf_counter())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return answered_at[0] - since if answered_at else None
