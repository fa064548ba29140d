"""Run: one storm from beginning to end, and what it came to."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.storm.crew import WORKERS, Crew
from benchmarks.storm.ledger import Ledger
from benchmarks.storm.plan import Plan, Reopen, Settle
from benchmarks.storm.residue import Holdings, resident_bytes

__all__ = ["StormReport", "run_storm"]

_VANISH_S: Final = 10.0  # within which everything of a closed app must be gone
_WARM_SHARE: Final = 0.2  # of the steps; what they bring into memory is the price of starting, not a leak
_WARM_STEPS: Final = 500  # at least: by then everything has been imported and done once
_REST_PROCESSES: Final = 4 + 1 + 2 * (WORKERS + 1)
"""The zygote, bubblewrap's two and their reaper; a namespace made in advance; workers and a stand-in with theirs."""

_REST_THREADS: Final = 40  # those that served tools and models are kept for a while
_REST_DESCRIPTORS: Final = 16 + 8 * WORKERS
_MOST_BLOCKS: Final = 20_000  # about a tenth of what the libraries' own objects take
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class StormReport:
    """What became of `steps` steps. `violations` is empty when every rule held.

    Memory is the host process's own, from a fifth of the way to the end, nothing in a short storm. `block_growth`, in
    memory blocks of Python's objects, tells a leak; resident memory may also grow because threads that come and go, each
    with an allocation arena, leave it in pieces.
    """

    seed: int
    steps: int
    seconds: float
    calls: int
    outcomes: dict[str, int]
    restarts: int
    memory_growth_mib: float
    block_growth: int
    violations: list[str]

    def __str__(self) -> str:
        outcomes = ", ".join(f"{name} {count:,}" for name, count in sorted(self.outcomes.items()))
        return (
            f"storm of {self.steps:,} steps, seed {self.seed}, {self.seconds:.0f} s: {self.calls:,} calls "
            f"({outcomes}), {self.restarts:,} restarts, host memory {self.memory_growth_mib:+.1f} MiB and "
            f"{self.block_growth:+,} blocks, {len(self.violations)} violations"
        )


def run_storm(plan: Plan, *, on_step: Callable[[int], None] | None = None) -> StormReport:
    """Carry out a plan. `on_step` is told the number of every step before it is taken.

    Nothing is raised for a broken rule; the report names it. Moves this process's TMPDIR for as long as it takes.
    """
    began = time.monotonic()
    ledger = Ledger()
    memory = _Memory(plan.steps)
    with (
        _private_tmpdir() as folder,
        Crew(ledger, folder, cancel_grace_s=plan.weather.cancel_grace_s) as crew,
    ):
        before = Holdings.take(folder)

        def close(number: int) -> None:
            crew.close(number)
            left = Holdings.settle(folder, before=before, limit_s=_VANISH_S).beyond(before)
            if left:
                ledger.violate(f"step {number}: left behind by a closed app: {', '.join(left)}")
            memory.note(number)

        crew.open()
        try:
            for number, step in enumerate(plan):
                if on_step is not None:
                    on_step(number)
                if isinstance(step, Reopen):
                    close(number)
                    crew.open()
                else:
                    crew.take(number, step)
                if isinstance(step, Settle):
                    _check_rest(ledger, number, folder, before)
                    memory.note(number)
        finally:
            close(plan.steps)
    if memory.block_growth > _MOST_BLOCKS:
        ledger.violate(
            f"the host's objects take {memory.block_growth:,} memory blocks more than after the beginning"
        )
    return StormReport(
        plan.seed,
        plan.steps,
        time.monotonic() - began,
        sum(ledger.outcomes.values()),
        dict(ledger.outcomes),
        crew.restarts,
        memory.growth_mib,
        memory.block_growth,
        ledger.violations,
    )


def _check_rest(ledger: Ledger, step: int, folder: Path, before: Holdings) -> None:
    """With no call open, an app holds what its workers need and no more: what was killed or left behind is gone."""
    deadline = time.monotonic() + _VANISH_S
    while True:
        now = Holdings.take(folder)
        over = [
            f"{len(own)} {name}"
            for name, own, most in (
                ("processes", now.processes - before.processes, _REST_PROCESSES),
                ("threads", now.threads - before.threads, _REST_THREADS),
                ("descriptors", now.descriptors - before.descriptors, _REST_DESCRIPTORS),
            )
            if len(own) > most
        ]
        if not over:
            return
        if time.monotonic() > deadline:
            ledger.violate(f"step {step}: an app at rest holds {', '.join(over)}")
            return
        time.sleep(0.02)


class _Memory:
    """This process's memory along the way: what the kernel gives it, and what Python's objects take of that."""

    def __init__(self, steps: int) -> None:
        self._warm_until = max(steps * _WARM_SHARE, _WARM_STEPS)
        self._warming: list[tuple[int, int]] = [_memory_now()]
        self._end = self._warming[0]

    def note(self, step: int) -> None:
        """Look now, at a moment when no call is open."""
        self._end = _memory_now()
        if step < self._warm_until:
            self._warming.append(self._end)

    @property
    def growth_mib(self) -> float:
        """Resident memory, from the most it was while warming up to the end."""
        return (self._end[0] - max(resident for resident, _ in self._warming)) / _MIB

    @property
    def block_growth(self) -> int:
        """The same for the number of memory blocks that Python's objects take."""
        return self._end[1] - max(blocks for _, blocks in self._warming)


def _memory_now() -> tuple[int, int]:
    gc.collect()
    return resident_bytes(), sys.getallocatedblocks()


@contextmanager
def _private_tmpdir() -> Generator[Path]:
    """A new folder that this process and all it starts take for the place of temporary files."""
    usual = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="storm-") as name:
        os.environ["TMPDIR"] = tempfile.tempdir = name
        try:
            yield Path(name)
        finally:
            tempfile.tempdir = None
            if usual is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = usual
