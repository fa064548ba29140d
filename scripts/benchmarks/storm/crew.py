"""Crew: carries out the steps of a storm against one open app after the other."""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import psutil

import dspash
from benchmarks.storm.caller import Caller
from benchmarks.storm.ledger import AMBIENT, Ledger
from benchmarks.storm.plan import (
    MAX_FRAME,
    CancelCall,
    ContinueWorker,
    Define,
    MakeCall,
    Ping,
    Reopen,
    SendOversized,
    SendUnserialisable,
    Settle,
    SignalWorker,
    Step,
)

__all__ = ["WORKERS", "Crew"]

_MOST_OPEN: Final = 200  # calls; more would only measure the queue
_SERVICE_S: Final = 60.0  # within which an app must answer again, whatever was done to it
WORKERS: Final = 2
_MOST_KILLED_BOOTING: Final = 2  # generations of one worker, in a row


class Crew:
    """Owns the app of the moment, and the caller. One thread drives it; leaving the context ends what is its own."""

    def __init__(self, ledger: Ledger, folder: Path, *, cancel_grace_s: float) -> None:
        self.restarts = 0
        self._cancel_grace_s = cancel_grace_s
        self._ledger = ledger
        self._runs = folder / "runs"
        self._runs.touch()
        self._caller = Caller(ledger, self._runs)
        self._stopped: list[psutil.Process] = []
        self._killed_booting: Counter[str] = Counter()

    def open(self) -> None:
        """Open an app with the storm's program in it."""
        self._app = dspash.open(
            workers=WORKERS,
            lm="offline",
            sandbox="process",
            database=None,
            max_frame=MAX_FRAME,
            cancel_grace_s=self._cancel_grace_s,
            retire_grace_s=1.0,
            heartbeat_s=0.5,
            # So short a period that no number of kills is too many, and none is made to wait for its successor.
            max_restarts=100,
            period_s=0.01,
        )
        self._killed_booting.clear()
        self._caller.serve(self._app)
        self._caller.define(step=-1)

    def close(self, step: int) -> None:
        """Close the app over whatever is open, and see how those calls end."""
        self._ledger.closing = True
        self._continue()
        self.restarts += self._app.status().restarts
        self._app.close()
        self._ledger.settle(step)
        self._ledger.closing = False
        self._ledger.check_runs(self._runs.read_text(encoding="utf-8").split())
        self._runs.write_text("", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._caller.leave()

    def take(self, step: int, what: Step) -> None:
        """Carry out one step other than Reopen, which is `close` and `open`."""
        match what:
            case MakeCall():
                self._caller.act(step, what)
            case Ping(size=size):
                self._caller.ping(step, size)
            case SendOversized():
                self._caller.send_oversized(step, MAX_FRAME)
            case SendUnserialisable():
                self._caller.send_unserialisable(step)
            case CancelCall(pick=pick):
                self._cancel(pick)
            case SignalWorker(pick=pick, number=number):
                self._signal(pick, number)
            case ContinueWorker():
                self._continue()
            case Define():
                self._caller.define(step)
            case Settle(thaw=thaw):
                self.settle(step, thaw=thaw)
            case Reopen():
                raise ValueError("an app is reopened by whoever looks at what it has left")
        if len(self._ledger.open) >= _MOST_OPEN:
            self.settle(step, thaw=True)

    def settle(self, step: int, *, thaw: bool) -> None:
        """Wait for every open call, with the stopped workers going on or not, and check that the app still serves."""
        if thaw:
            self._continue()
        self._ledger.settle(step)
        self._continue()
        self._check_service(step)
        self._caller.forget(step)

    def _cancel(self, pick: int) -> None:
        entries = self._ledger.open
        if entries:
            entry = entries[pick % len(entries)]
            entry.cancelled = True
            entry.future.cancel()

    def _signal(self, pick: int, number: signal.Signals) -> None:
        workers = self._app.status().workers
        if not workers:
            return
        worker = workers[pick % len(workers)]
        if number == signal.SIGKILL and not self._may_kill(worker):
            return
        # A worker may have ended since: its pid is only ours while it descends from us.
        descendants = {process.pid: process for process in psutil.Process().children(recursive=True)}
        process = descendants.get(worker.pid)
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
            if number == signal.SIGSTOP:
                self._stopped.append(process)

    def _may_kill(self, worker: dspash.WorkerStatus) -> bool:
        """Keep count of workers killed while they boot: too many in a row, and an app rightly gives up."""
        if worker.state != "booting":
            self._killed_booting[worker.id] = 0
            return True
        self._killed_booting[worker.id] += 1
        return self._killed_booting[worker.id] <= _MOST_KILLED_BOOTING

    def _continue(self) -> None:
        while self._stopped:
            with suppress(psutil.NoSuchProcess):
                self._stopped.pop().resume()

    def _check_service(self, step: int) -> None:
        """Whatever was done to the app, it must answer again."""
        deadline = time.monotonic() + _SERVICE_S
        while True:
            try:
                self._app.call("ping", {"payload": step}, timeout_s=max(0.1, deadline - time.monotonic()))
            except dspash.DspashError as error:
                if not isinstance(error, AMBIENT) or time.monotonic() > deadline:
                    self._ledger.violate(f"step {step}: the app does not serve any more: {error!r}")
                    return
            else:
                return
