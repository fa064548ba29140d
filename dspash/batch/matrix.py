"""Matrix: the cells of a batch, each one job of its own with a name that stays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from dspash.batch.job_file import JobFile, Rule

__all__ = ["AXES", "Cell", "cells_of", "entries_of"]

AXES = ("program", "optimizer", "dataset", "metric", "model", "seed")
"""What a cell is one of each of."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One job: the names of the entries that it is made of."""

    batch: str
    program: str
    optimizer: str
    dataset: str
    metric: str
    model: str
    seed: int

    @property
    def run(self) -> str:
        """What its run is called, also when the file has more entries later."""
        parts = [self.batch, self.program, self.optimizer, self.dataset, self.metric, self.model, self.seed]
        return "/".join(re.sub(r"[^A-Za-z0-9_.-]", "_", str(part)) for part in parts)

    def to_map(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"run": self.run, **{axis: value for axis, value in asdict(self).items() if axis != "batch"}}


def entries_of(file: JobFile) -> Mapping[str, Sequence[str | int]]:
    """The entries of every axis, in the order of the file."""
    return {
        "program": list(file.programs),
        "optimizer": list(file.optimizers),
        "dataset": list(file.datasets),
        "metric": list(file.metrics),
        "model": file.models,
        "seed": file.seeds,
    }


def cells_of(file: JobFile) -> list[Cell]:
    """The cells that some rule of `include` means, if there is any, and none of `exclude`."""
    axes = (file.programs, file.optimizers, file.datasets, file.metrics, file.models)
    found = [Cell(file.name, *names, seed) for names in product(*axes) for seed in file.seeds]
    return [
        cell
        for cell in found
        if (not file.include or any(_means(rule, cell) for rule in file.include))
        and not any(_means(rule, cell) for rule in file.exclude)
    ]


def _means(rule: Rule, cell: Cell) -> bool:
    return all(
        chosen is None or getattr(cell, axis) in chosen
        for axis, chosen in ((axis, rule.chosen(axis)) for axis in AXES)
    )
