"""Births: how long they take, what a worker weighs, how soon a killed one is gone, and whether zygotes grow."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Final

from benchmarks.figures import paired_ratio
from benchmarks.isolation.amounts import Amounts, Measured
from benchmarks.isolation.midwife import Child, Midwife, bare_midwife, strict_midwife, trusted_midwife
from benchmarks.samples import median, quantiles

__all__ = ["measure_births"]

_WARM_BIRTHS: Final = 5
_SOURCE: Final = """
import dspy

class Trivial(dspy.Module):
    def forward(self, word):
        return dspy.Prediction(answer=word)
"""


def measure_births(amounts: Amounts, on_step: Callable[[str], None]) -> list[Measured]:
    """Confined and bare births in turns, then a crowd of workers, then a long life."""
    with strict_midwife() as strict, bare_midwife() as bare:
        births: dict[str, list[list[float]]] = {"strict": [], "bare": []}
        ends: list[float] = []
        for midwife in (strict, bare):
            for _ in range(_WARM_BIRTHS):
                _bear_and_end(midwife)
        for number in range(amounts.rounds):
            on_step(f"births, round {number + 1} of {amounts.rounds}")
            for midwife in (strict, bare) if number % 2 else (bare, strict):
                pairs = [_bear_and_end(midwife) for _ in range(amounts.births)]
                births[midwife.name].append([birth_s for birth_s, _ in pairs])
                ends += [end_s for _, end_s in pairs] if midwife is strict else []
    ours = quantiles([seconds for turn in births["strict"] for seconds in turn])
    theirs = quantiles([seconds for turn in births["bare"] for seconds in turn])
    gone = quantiles(ends)
    return [
        Measured("birth", ours.p50, "s", ours),
        Measured("birth without layers", theirs.p50, "s", theirs),
        Measured("birth ratio", paired_ratio(births["strict"], births["bare"]), "×"),
        Measured("kill → gone", gone.p50, "s", gone),
        *_measure_trusted(amounts, on_step),
        *_measure_crowd(amounts, on_step),
        *_measure_life(amounts, on_step),
    ]


def _measure_trusted(amounts: Amounts, on_step: Callable[[str], None]) -> list[Measured]:
    """Births one after another as fast as they come, each worker ended as soon as it is ready."""
    on_step("births of trusted workers")
    with trusted_midwife() as midwife:
        for _ in range(_WARM_BIRTHS):
            _bear_and_end(midwife)
        began = time.perf_counter()
        births = quantiles([_bear_and_end(midwife)[0] for _ in range(amounts.births)])
        rate = amounts.births / (time.perf_counter() - began)
    return [
        Measured("birth of a trusted worker", births.p50, "s", births),
        Measured("births and ends of trusted workers", rate, "births/s"),
    ]


def _bear_and_end(midwife: Midwife) -> tuple[float, float]:
    child = midwife.bear()
    end_s = child.end()
    midwife.await_end(child)
    return child.birth_s, end_s


def _measure_crowd(amounts: Amounts, on_step: Callable[[str], None]) -> list[Measured]:
    """What each further worker adds to the memory of all of them, once it has run a program."""
    on_step(f"{amounts.crowd} workers at a time")
    with strict_midwife() as midwife:
        crowd: list[Child] = []
        sums: list[float] = []
        for _ in range(amounts.crowd):
            child = midwife.bear()
            child.ask("create_program", {"id": "trivial", "source": _SOURCE})
            child.ask("execute", {"program_id": "trivial", "inputs": {"word": "x"}})
            crowd.append(child)
            sums.append(midwife.memory_mib())
        further = [after - before for before, after in itertools.pairwise(sums)]
        for child in crowd:
            child.end()
    return [Measured("memory of a further worker", median(further), "MiB")]


def _measure_life(amounts: Amounts, on_step: Callable[[str], None]) -> list[Measured]:
    with strict_midwife() as midwife:
        for _ in range(_WARM_BIRTHS):
            _bear_and_end(midwife)
        before = midwife.memory_mib()
        for number in range(amounts.life):
            if number % 100 == 0:
                on_step(f"birth {number:,} of {amounts.life:,} of one zygote")
            _bear_and_end(midwife)
        return [Measured("growth of a zygote", midwife.memory_mib() - before, "MiB")]
