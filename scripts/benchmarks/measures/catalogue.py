"""Catalogue: every measure by the name that `--only` takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.arena import Arena
from benchmarks.figures import Figure
from benchmarks.measures.dspy_work import measure_predict, measure_scaling
from benchmarks.measures.failure import measure_crash, measure_deadline, measure_host_kill
from benchmarks.measures.imports import measure_import
from benchmarks.measures.speed import measure_echo, measure_pipelined, measure_round_trip, measure_start
from benchmarks.scale import Scale

__all__ = ["MEASURES", "Measure"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How it is done, and whether the contestants take part, or only ways to run Predict."""

    act: Callable[[Arena, Scale], list[Figure]]
    by_contestants: bool = True


MEASURES: Final[dict[str, Measure]] = {
    "import": Measure(measure_import, by_contestants=False),
    "start": Measure(measure_start),
    "round_trip": Measure(measure_round_trip),
    "pipelined": Measure(measure_pipelined),
    "echo": Measure(measure_echo),
    "crash": Measure(measure_crash),
    "deadline": Measure(measure_deadline),
    "host_kill": Measure(measure_host_kill),
    "predict": Measure(measure_predict, by_contestants=False),
    "scaling": Measure(measure_scaling, by_contestants=False),
}
