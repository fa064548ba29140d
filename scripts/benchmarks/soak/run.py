"""Run: a soak from its opening to a look at what it has left."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dspash
from benchmarks.samples import Quantiles, quantiles
from benchmarks.soak.deeds import DEEDS, Deed, judge
from benchmarks.storm.residue import OWN_THREADS, Holdings, resident_bytes

__all__ = ["Soak", "SoakReport", "run_soak"]

CALLERS: Final = 6
TIMEOUT_S: Final = 60.0
SETTLE_S: Final = 10.0
ALONE: Final = 100  # calls one at a time, each on a worker that is ready
PAUSE_S: Final = 0.05
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Soak:
    """`calls` in all, drawn by `seed`, in the tier of that name."""

    seed: int
    calls: int
    tier: str = "strict"


@dataclass(frozen=True, slots=True)
class SoakReport:
    """What happened.

    `violations` say which calls had another outcome than they must. `alone` are times of calls on a ready worker, from
    the call to its result, `handed` the same from the hand-off, both in seconds; `rate` is how many calls a second went
    through side by side when none did harm. `left` is what the closed app left of itself.
    """

    outcomes: Mapping[str, int]
    violations: tuple[str, ...]
    seconds: float
    alone: Quantiles
    handed: Quantiles
    rate: float
    growth_mib: float
    left: tuple[str, ...]

    @property
    def calls(self) -> int:
        """How many there were in the mix."""
        return sum(self.outcomes.values())


@dataclass(slots=True)
class _Tally:
    """What callers have seen so far."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    violations: list[str] = field(default_factory=list[str])
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, deed: Deed, problem: str | None) -> int:
        with self.lock:
            self.outcomes[deed.name] += 1
            if problem is not None:
                self.violations.append(problem)
            self.done += 1
            return self.done


def run_soak(soak: Soak, *, on_step: Callable[[int], object]) -> SoakReport:
    """Carry it out. `on_step` is told how many calls are done."""
    folder = Path(tempfile.mkdtemp(prefix="dspash-soak-"))
    before = Holdings.take(folder)
    tally = _Tally()
    with dspash.open(workers=1, timeout_s=TIMEOUT_S, sandbox=soak.tier, database=None) as app:
        programs = _define(app)
        # What the first of each kind bring into memory, large answers above all, is the price of starting.
        _side_by_side(app, programs, draw=_draw, calls=max(20, soak.calls // 10), seed=-1, tally=_Tally())
        resident = resident_bytes()
        began = time.monotonic()
        _side_by_side(
            app, programs, draw=_draw, calls=soak.calls, seed=soak.seed, tally=tally, on_step=on_step
        )
        seconds = time.monotonic() - began
        growth = resident_bytes() - resident
        began, harmless = time.monotonic(), max(20, soak.calls // 5)
        _side_by_side(app, programs, draw=lambda _rng: DEEDS[0], calls=harmless, seed=1, tally=_Tally())
        rate = harmless / (time.monotonic() - began)
        alone, handed = _one_by_one(programs["double"], min(ALONE, soak.calls))
    left = Holdings.settle(folder, before=before, limit_s=SETTLE_S).beyond(before)
    folder.rmdir()
    return SoakReport(
        dict(sorted(tally.outcomes.items())),
        tuple(tally.violations),
        seconds,
        alone,
        handed,
        rate,
        growth / _MIB,
        tuple(left),
    )


def _define(app: dspash.App) -> dict[str, dspash.Program]:
    answer = app.module("predict", "question -> answer", id="soak-answer")

    def double(n: int) -> int:
        """Twice the number."""
        return 2 * n

    return {
        deed.name: app.program(
            deed.program,
            forward_fn=deed.code,
            tools=[double],
            modules={"answer": answer} if deed.name == "model" else {},
            limits=deed.limits,
        )
        for deed in DEEDS
    }


def _draw(rng: random.Random) -> Deed:
    return rng.choices(DEEDS, [deed.weight for deed in DEEDS])[0]


def _side_by_side(
    app: dspash.App,
    programs: Mapping[str, dspash.Program],
    *,
    draw: Callable[[random.Random], Deed],
    calls: int,
    seed: int,
    tally: _Tally,
    on_step: Callable[[int], object] = lambda _done: None,
) -> None:
    """Have some callers make `calls` between them."""
    rng = random.Random(seed)
    deeds = iter([(number, draw(rng)) for number in range(calls)])
    drawing = threading.Lock()

    def call_on() -> None:
        while True:
            with drawing:
                number, deed = next(deeds, (0, None))
            if deed is None:
                return
            on_step(tally.note(deed, judge(deed, number, _outcome(app, programs[deed.name], deed, number))))

    callers = [
        threading.Thread(target=call_on, name=f"{OWN_THREADS}-caller-{number}") for number in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


def _outcome(app: dspash.App, program: dspash.Program, deed: Deed, number: int) -> Any:
    inputs = {"n": number} if deed.takes_n else {}
    try:
        return app.run(program, inputs, timeout_s=deed.timeout_s)
    except dspash.DspashError as error:
        return error


def _one_by_one(program: dspash.Program, calls: int) -> tuple[Quantiles, Quantiles]:
    """Times of calls, each made when a worker is ready for it: in all, and from the hand-off."""
    alone: list[float] = []
    handed: list[float] = []
    for number in range(calls):
        time.sleep(PAUSE_S)
        began = time.perf_counter()
        prediction = program(n=number)
        alone.append(time.perf_counter() - began)
        handed.append(prediction.usage.wall_s)
    return quantiles(alone), quantiles(handed)
