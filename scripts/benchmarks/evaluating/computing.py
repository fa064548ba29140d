"""Computing: the evaluation of a CPU-heavy program by two workers, beside dspy.Evaluate with as many threads as DSPy takes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dspash
from benchmarks.isolation.amounts import Measured
from benchmarks.samples import median

__all__ = ["EvaluationAmounts", "measure_computing"]

_PRIMES: Final = {5_000: 669, 7_000: 900, 8_000: 1_007}
"""How many primes are below."""

_THREADS: Final = 8  # dspy.Evaluate's default, as of the workers of an app

_FOLDER: Final = Path(__file__).parent

# In a process of its own: what DSPy is beside, an app, keeps threads and workers that would share its processors.
_BESIDE: Final = """
import json, sys, time
import dspy
from digger import Digger

examples, rounds, threads = json.load(sys.stdin)
devset = [dspy.Example(**example).with_inputs("below") for example in examples]

def exact(example, prediction, trace=None):
    return float(example.primes == prediction.primes)

def evaluate(some):
    return dspy.Evaluate(devset=some, metric=exact, num_threads=threads, display_progress=False)(Digger())

evaluate(devset[:threads])
for _ in range(rounds):
    began = time.perf_counter()
    score = evaluate(devset).score
    print(json.dumps([time.perf_counter() - began, score]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class EvaluationAmounts:
    """How many examples, and how often they are evaluated."""

    examples: int
    rounds: int


def measure_computing(amounts: EvaluationAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """Evaluate the same examples with the same program and the same metric, in DSPy alone and by an app that keeps records."""
    sizes = list(_PRIMES)
    examples = [
        {"below": sizes[index % len(sizes)], "primes": _PRIMES[sizes[index % len(sizes)]]}
        for index in range(amounts.examples)
    ]
    tell("a program that computes, by dspy.Evaluate")
    alone = _by_dspy(examples, amounts.rounds)
    tell("a program that computes, by two workers")
    workers = _by_workers(examples, amounts.rounds)
    yield Measured("dspy.Evaluate", median(alone), "s")
    yield Measured("two workers", median(workers), "s")
    yield Measured("two workers / dspy.Evaluate, speed", median(alone) / median(workers), "×")


def _by_dspy(examples: list[dict[str, int]], rounds: int) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", _BESIDE],
        input=json.dumps([examples, rounds, _THREADS]),
        env={"PATH": "", "PYTHONPATH": str(_FOLDER), "HOME": "/tmp"},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    told: list[tuple[float, float]] = [json.loads(line) for line in done.stdout.splitlines()]
    _require_right([score / 100 for _, score in told])
    return [took_s for took_s, _ in told]


def _by_workers(examples: list[dict[str, int]], rounds: int) -> list[float]:
    took: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        dspash.open(
            workers=2, concurrency=_THREADS, python_path=[_FOLDER], database=Path(folder) / "records.db"
        ) as app,
    ):
        program = app.program("Digger", cls="digger:Digger")
        app.evaluate(program, examples[:_THREADS], "exact_match")
        for _ in range(rounds):
            began = time.perf_counter()
            done: Any = app.evaluate(program, examples, lambda example, found: example.primes == found.primes)
            took.append(time.perf_counter() - began)
            _require_right([done.score])
    return took


def _require_right(scores: list[float]) -> None:
    """A program that failed at once would be the fastest of all."""
    if any(score != 1.0 for score in scores):
        raise RuntimeError(f"the examples were not all computed: {scores}")
