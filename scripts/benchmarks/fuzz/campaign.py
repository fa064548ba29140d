"""Campaign: trials until enough frames were read, beside a worker that must notice nothing."""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psutil
from loguru import logger

from benchmarks.fuzz.peer import Peer
from benchmarks.fuzz.trial import BOUND_S, Trial, TrialOutcome, ViolationError, make_worker
from dspash.bridge.ask_server import AskServer
from dspash.bridge.call import Call, CallOptions
from dspash.bridge.pump import Pump
from dspash_protocol import Command, FaultError, FaultKind, ReverseCommand

if TYPE_CHECKING:
    from loguru import Message

__all__ = ["Campaign", "FuzzReport", "run_campaign"]

_LOOK_EVERY: Final = 50  # trials, at the worker that behaves
_WARM_TRIALS: Final = 2_000  # what the first ones bring into memory is the price of starting
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Campaign:
    """How many frames, drawn from which seed; `only` runs that one trial alone."""

    seed: int = 1
    frames: int = 1_000_000
    only: int | None = None


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """What was read, what became of it, and what broke a rule."""

    seed: int
    trials: int
    frames: int
    seconds: float
    counts: dict[str, int]
    growth_mib: float
    violations: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        rate = self.frames / self.seconds if self.seconds else 0.0
        return (
            f"{self.frames:,} frames in {self.trials:,} trials, {self.seconds:.0f} s ({rate:,.0f}/s), seed {self.seed}; "
            f"memory {self.growth_mib:+.1f} MiB"
        )


class _Neighbour:
    """A worker of the same pump whose peer echoes."""

    def __init__(self, pump: Pump, asks: AskServer) -> None:
        self._peer = Peer()
        self._worker, self._listener, _ = make_worker(self._peer, pump, asks, trusted=True)
        self._released = threading.Event()

    def look(self) -> None:
        """Make a call. Raises ViolationError when it is not answered rightly."""
        call = Call(Command.PING, {"payload": os.urandom(8).hex()}, CallOptions(BOUND_S))
        if not self._worker.send(call, wait=False):
            raise ViolationError("a worker that behaves takes no more calls")
        self._peer.answer()
        answer: Any = call.future.result(BOUND_S)
        if answer != call.args:
            raise ViolationError(f"a worker that behaves answered {answer!r} instead of {call.args!r}")

    def close(self) -> None:
        self._peer.hang_up()
        self._listener.lost.wait(BOUND_S)
        self._worker.take_pending()
        self._worker.release(self._released.set)
        self._released.wait(BOUND_S)
        self._peer.close()


def run_campaign(campaign: Campaign, *, on_step: Callable[[int], None] = lambda _: None) -> FuzzReport:
    """Run it; `on_step` is told how many frames were read so far. Stops at the first broken rule."""
    counts: Counter[str] = Counter()
    frames = trials = 0
    before_mib: float | None = None
    violations: list[str] = []
    began = time.perf_counter()
    range_ = _Range()
    try:
        for number in itertools.count() if campaign.only is None else (campaign.only,):
            outcome, broken = range_.run(f"{campaign.seed}:{number}", look=number % _LOOK_EVERY == 0)
            violations += [f"trial {number}: {problem}" for problem in broken]
            trials += 1
            if outcome is not None:
                frames += outcome.frames
                counts.update(outcome.counts)
            if trials == _WARM_TRIALS:
                before_mib = _resident_mib()
            on_step(frames)
            if violations or frames >= campaign.frames:
                break
    finally:
        violations += range_.close()
    growth_mib = 0.0 if before_mib is None else _resident_mib() - before_mib
    seconds = time.perf_counter() - began
    return FuzzReport(
        campaign.seed, trials, frames, seconds, dict(counts.most_common()), growth_mib, violations
    )


class _Range:
    """What trials share: the pump, those who serve what workers ask, and a worker that behaves."""

    def __init__(self) -> None:
        self._logged: list[str] = []
        # What the bridge logs as a defect is one. Nothing else of what it logs is shown: a frame makes a line or two.
        logger.configure(handlers=[{"sink": self._note, "level": "ERROR"}])
        logger.enable("dspash")
        self._pump = Pump("fuzzed")
        self._asks = AskServer({ReverseCommand.TOOL_CALL: _add, ReverseCommand.LM_COMPLETE: _add})
        self._neighbour = _Neighbour(self._pump, self._asks)
        self._trials = 0
        self._released = _Count()

    def _note(self, message: Message) -> None:
        record = message.record
        error = record["exception"]
        self._logged.append(f"{record['message']}: {None if error is None else repr(error.value)}")

    def run(self, seed: str, *, look: bool) -> tuple[TrialOutcome | None, list[str]]:
        """One trial, with a look at the neighbour if wanted; its outcome, and which rules were broken."""
        self._trials += 1
        outcome: TrialOutcome | None = None
        broken: list[str] = []
        try:
            outcome = Trial(seed, self._pump, self._asks).run(self._released.add)
            if look:
                self._neighbour.look()
        except ViolationError as error:
            broken.append(str(error))
        return outcome, broken + self._logged

    def close(self) -> list[str]:
        """End everything; what of it did not end, or was kept."""
        broken: list[str] = []
        if not self._released.reaches(self._trials, BOUND_S):
            broken.append(
                f"{self._trials - self._released.value} of {self._trials} workers were not let go of"
            )
        self._neighbour.close()
        self._asks.close()
        if not self._pump.close(timeout_s=BOUND_S):
            broken.append("the pump's thread does not end")
        logger.disable("dspash")
        logger.configure(handlers=[{"sink": sys.stderr}])
        return broken


class _Count:
    """Counts up on the pump's thread."""

    def __init__(self) -> None:
        self.value = 0
        self._changed = threading.Condition()

    def add(self) -> None:
        with self._changed:
            self.value += 1
            self._changed.notify_all()

    def reaches(self, value: int, within_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.value >= value, within_s)


def _add(ask: Any) -> Any:
    """A tool that takes what it is given seriously."""
    args = ask.args.get("args")
    if not isinstance(args, dict):
        raise FaultError.of(FaultKind.INVALID_INPUT, "args must be a map", path="$.args")
    return {"sum": sum(value for value in args.values() if isinstance(value, int)), "given": args}


def _resident_mib() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / _MIB
