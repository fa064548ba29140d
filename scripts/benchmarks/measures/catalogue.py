"""Catalogue: every measure by the name that `--only` takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.arena import Arena
from benchmarks.figures import Figure
from benchmarks.measures.dspy_work import measure_predict, measure_scaling
from benchmarks.measures.failure import measure_crash, measure_deadline, measure_host_kill
from benchmarks.measures.imports import measure_import
from benchmarks.measures.speed import measure_echo, measure_pipelined, measure_round_trip, measure_start
from benchmarks.scale import Scale

__all__ = ["MEASURES", "Measure"]

Measure = Callable[[Arena, Scale], list[Figure]]

MEASURES: Final[dict[str, Measure]] = {
    "import": measure_import,
    "start": measure_start,
    "round_trip": measure_round_trip,
    "pipelined": measure_pipelined,
    "echo": measure_echo,
    "crash": measure_crash,
    "deadline": measure_deadline,
    "host_kill": measure_host_kill,
    "predict": measure_predict,
    "scaling": measure_scaling,
}
