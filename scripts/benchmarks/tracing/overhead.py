"""Overhead: calls of one app that keeps its executions beside those of one that keeps none."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import dspash
from benchmarks.isolation.amounts import Measured
from benchmarks.samples import median, quantiles
from benchmarks.tracing.amounts import TraceAmounts

__all__ = ["measure_overhead"]

_PROGRAM: Final = """
class Answerer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.think = dspy.ChainOfThought("question -> answer")

    def forward(self, question):
        return self.think(question=question)
"""
_QUESTION: Final = "Who designed the tower in Paris?"
_WARM_UP: Final = 50


def measure_overhead(amounts: TraceAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """Calls of a module and of a program on the offline model, with and without traces, in turns.

    Each app has one worker. The time of a call includes all that it costs its caller; what is written meanwhile, by
    other threads, has to share this machine's processors with it.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        apps = [
            stack.enter_context(dspash.open(workers=1, database=folder / f"{traces}.db", traces=traces))
            for traces in (False, True)
        ]
        for name, make in (("module", _module), ("program", _program)):
            tell(f"calls of a {name} with and without traces")
            yield from _compare(name, [make(app) for app in apps], amounts)


def _module(app: dspash.App) -> Any:
    return app.module("predict", "question -> answer")


def _program(app: dspash.App) -> Any:
    return app.program("Answerer", source=_PROGRAM, sandbox="process", persistent=True)


def _compare(name: str, runnables: list[Any], amounts: TraceAmounts) -> Iterator[Measured]:
    samples: tuple[list[float], list[float]] = ([], [])
    ratios: list[float] = []
    for runnable in runnables:
        _time(runnable, _WARM_UP)
    for turn in range(amounts.rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            samples[which].extend(_time(runnables[which], amounts.calls))
        ratios.append(median(samples[1][-amounts.calls :]) / median(samples[0][-amounts.calls :]))
    for label, found in zip(("untraced", "traced"), samples, strict=True):
        told = quantiles(found)
        yield Measured(f"{label} {name}", told.p50, "s", told)
    yield Measured(f"traced {name} / untraced", median(ratios), "×")


def _time(runnable: Any, calls: int) -> list[float]:
    taken: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        runnable(question=_QUESTION)
        taken.append(time.perf_counter() - began)
    return taken
