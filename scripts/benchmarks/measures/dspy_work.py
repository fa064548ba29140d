"""DSPy work: Predict through the bridge against Predict in process, and two workers against one."""

from __future__ import annotations

from typing import Final

from benchmarks.arena import Arena
from benchmarks.figures import Figure, Unit, summarise
from benchmarks.peers.roster import PREDICTORS
from benchmarks.predictor import Task
from benchmarks.rounds import play_rounds
from benchmarks.scale import Scale

__all__ = ["measure_predict", "measure_scaling"]

_ROUNDS: Final = 200_000
"""Of computing around a CPU-bound Predict: some 15 ms, as scoring a candidate or parsing a document takes."""


def measure_predict(_arena: Arena, scale: Scale) -> list[Figure]:
    """One Predict after another, the same offline model at the end of both ways."""
    figures: list[Figure] = []
    with Arena(("in-process", "dspash"), role="predictor") as arena:
        for measure, task in (("predict", Task.SHORT), ("predict_reading", Task.READING)):

            def turn(name: str, task: Task = task) -> list[float]:
                seconds: list[float] = arena.enter(name).do("predict", task=task, count=scale.predictions)
                return seconds

            play_rounds(arena.names, 1, turn)  # warm-up
            turns = play_rounds(arena.names, scale.predict_rounds, turn)
            figures += summarise(measure, Unit.SECONDS, turns, reference="in-process")
    return figures


def measure_scaling(_arena: Arena, scale: Scale) -> list[Figure]:
    """Many Predict calls at once: plain ones, which wait for their model, and CPU-bound ones."""
    figures: list[Figure] = []
    with Arena(PREDICTORS, role="predictor") as arena:
        for measure, rounds in (("crunch", _ROUNDS), ("throughput", 0)):

            def turn(name: str, rounds: int = rounds) -> list[float]:
                return [arena.enter(name).do("crunch", count=scale.crunches, rounds=rounds)]

            play_rounds(arena.names, 1, turn)  # warm-up
            turns = play_rounds(arena.names, scale.crunch_rounds, turn)
            figures += summarise(measure, Unit.CALLS_PER_SECOND, turns, reference="dspash")
    return figures
