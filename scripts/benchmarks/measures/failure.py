"""Failure: lost workers, calls that outlive their deadline, hosts that are killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import psutil

from benchmarks.arena import Arena
from benchmarks.chores import Hang
from benchmarks.figures import Figure, Unit, absences
from benchmarks.outcomes import Lateness, Loss
from benchmarks.rounds import Turns, play_rounds
from benchmarks.samples import quantiles
from benchmarks.scale import Scale

__all__ = ["DEADLINE_S", "measure_crash", "measure_deadline", "measure_host_kill"]

T = TypeVar("T")

DEADLINE_S: Final = 0.5


def measure_crash(arena: Arena, scale: Scale) -> list[Figure]:
    """SIGKILL the worker inside a call: when its caller hears of it, when the next call is answered."""

    def turn(name: str) -> Loss:
        loss = Loss(**arena.enter(name).do("kill_worker", how=Hang.SLEEP))
        if loss.next_s is None or loss.error_s is None:
            arena.remove(name)
        return loss

    turns = play_rounds(arena.names, scale.faults, turn, is_enough=lambda loss: loss.error_s is None)
    return [
        *_figures("crash_signal", turns, lambda loss: loss.signal_s, lambda _: ""),
        *_figures("crash_error", turns, lambda loss: loss.error_s, lambda loss: loss.error),
        *_figures("crash_next", turns, lambda loss: loss.next_s, _recovery),
    ]


def measure_deadline(arena: Arena, scale: Scale) -> list[Figure]:
    """Calls that never end, given half a second: how late the caller has control, when the next call is answered."""
    figures: list[Figure] = []
    for how in Hang:

        def turn(name: str, how: Hang = how) -> Lateness:
            lateness = Lateness(**arena.enter(name).do("outlive_deadline", how=how, timeout_s=DEADLINE_S))
            if lateness.next_s is None:
                arena.remove(name)
            return lateness

        turns = play_rounds(arena.names, scale.faults, turn, is_enough=lambda late: late.next_s is None)
        figures += _figures(f"overshoot_{how}", turns, lambda late: late.overshoot_s, lambda late: late.error)
        figures += _figures(f"after_deadline_{how}", turns, lambda late: late.next_s, lambda _: "")
    return figures


def measure_host_kill(arena: Arena, scale: Scale) -> list[Figure]:
    """SIGKILL the host while its worker spins: how long any process it caused lives on."""

    def turn(name: str) -> float | None:
        arena.remove(name)
        host = arena.enter(name)
        busy: list[int] = host.do("begin_hanging", how=Hang.SPIN)["pids"]
        family = {process.pid: process for process in host.family()}
        for pid in busy:
            family.setdefault(pid, psutil.Process(pid))
        began = time.perf_counter()
        psutil.Process(host.pid).kill()
        gone_s = _wait_until_gone(list(family.values()), began, scale.linger_s)
        arena.remove(name)
        for process in family.values():
            if process.is_running():
                process.kill()
        return gone_s

    turns = play_rounds(arena.names, scale.faults, turn, is_enough=lambda gone_s: gone_s is None)
    return _figures("host_kill", turns, lambda gone_s: gone_s, lambda _: "")


def _wait_until_gone(family: Sequence[psutil.Process], began: float, limit_s: float) -> float | None:
    """Seconds from `began` until none of the family runs; None when some still do after the limit."""
    living = list(family)
    while living:
        if time.perf_counter() - began > limit_s:
            return None
        living = [process for process in living if not _is_gone(process)]
        time.sleep(0.001)
    return time.perf_counter() - began


def _is_gone(process: psutil.Process) -> bool:
    """A zombie holds nothing any more; only its parent's table entry is left."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _figures(
    measure: str, turns: Turns[T], seconds: Callable[[T], float | None], note: Callable[[T], str]
) -> list[Figure]:
    """One figure for each contestant. One turn that came to nothing in time makes the whole figure `never`."""
    figures = absences(measure, Unit.SECONDS, turns.failed)
    for name, outcomes in turns.of.items():
        samples = [seconds(outcome) for outcome in outcomes]
        known = [sample for sample in samples if sample is not None]
        never = "never" if len(known) < len(samples) else ""
        notes = sorted({note(outcome) for outcome in outcomes} - {""})
        figures.append(
            Figure(
                measure,
                name,
                Unit.SECONDS,
                None if never else quantiles(known),
                note=never or ", ".join(notes),
            )
        )
    return figures


def _recovery(loss: Loss) -> str:
    if loss.error_s is None:
        return "after giving the lost call up"
    return "†" if loss.rebuilt else ""
