"""Figures: what one contestant came to in one measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.rounds import Turns
from benchmarks.samples import Quantiles, median, quantiles

__all__ = ["Figure", "Unit", "absences", "paired_ratio", "summarise"]


class Unit(StrEnum):
    """What a figure counts."""

    SECONDS = "s"
    CALLS_PER_SECOND = "calls/s"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell of the table. `quantiles` is None where there is nothing to tell but the note.

    `ratio` is to the reference contestant of the same measure: the median over rounds of the two medians of that round.
    """

    measure: str
    contestant: str
    unit: Unit
    quantiles: Quantiles | None
    ratio: float | None = None
    note: str = ""


def summarise(measure: str, unit: Unit, turns: Turns[list[float]], *, reference: str) -> list[Figure]:
    """One figure for each contestant from its samples, turn by turn."""
    figures: list[Figure] = []
    for name, samples in turns.of.items():
        ratio = paired_ratio(samples, turns.of[reference]) if reference in turns.of else None
        figures.append(Figure(measure, name, unit, quantiles([x for turn in samples for x in turn]), ratio))
    return figures + absences(measure, unit, turns.failed)


def paired_ratio(samples: Sequence[Sequence[float]], reference: Sequence[Sequence[float]]) -> float:
    """How `samples` compare with `reference`, each round with its own: the machine's mood cancels out."""
    return median([median(mine) / median(theirs) for mine, theirs in zip(samples, reference, strict=True)])


def absences(measure: str, unit: Unit, reasons: Mapping[str, str]) -> list[Figure]:
    """Figures that only say why there is none, by contestant."""
    return [Figure(measure, name, unit, None, note=why) for name, why in reasons.items()]
