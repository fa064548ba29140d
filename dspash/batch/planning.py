"""Planning: what the cells of a batch may come to before anything is spent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dspash.batch.checking import Batch, Examples
from dspash.batch.job_file import OptimizerEntry
from dspash.batch.matrix import Cell
from dspash.errors import DspashError, InvalidInputError, Problem
from dspash.resources.optimizer_types import find_optimizer_type

if TYPE_CHECKING:
    from dspash.app import App

__all__ = ["BatchPlan", "Expectation", "expected_calls", "plan_batch"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one cell may come to. None: nobody can say beforehand."""

    cell: Cell
    calls: int | None
    tokens: int | None
    usd: float | None

    def to_map(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**self.cell.to_map(), "calls": self.calls, "tokens": self.tokens, "usd": self.usd}


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What every cell may come to."""

    name: str
    cells: Sequence[Expectation]

    def to_map(self) -> dict[str, Any]:
        """As JSON has it; `unknown` counts the cells that the totals leave out."""
        total: dict[str, Any] = {
            part: sum(getattr(one, part) or 0 for one in self.cells) for part in ("calls", "tokens", "usd")
        }
        unknown = {part: sum(getattr(one, part) is None for one in self.cells) for part in total}
        return {
            "name": self.name,
            "cells": [one.to_map() for one in self.cells],
            "total": total,
            "unknown": unknown,
        }


def plan_batch(batch: Batch, app: App) -> BatchPlan:
    """Estimate every cell by its optimizer, the length of its examples and the prices that `app` knows.

    Nothing is asked of a model. Raises InvalidInputError naming every model that there is not.
    """
    problems: list[Problem] = []
    rates: dict[tuple[str, str], tuple[float, float | None]] = {}
    for index, model in enumerate(batch.file.models):
        for dataset, examples in batch.examples.items():
            try:
                rates[model, dataset] = _rate_of(app, model, examples)
            except DspashError as error:
                problems.append(Problem(f"$.models[{index}]", str(error)))
                break
    if problems:
        raise InvalidInputError.of(problems)
    return BatchPlan(batch.file.name, [_expectation(cell, batch, rates) for cell in batch.cells])


def _rate_of(app: App, model: str, examples: Examples) -> tuple[float, float | None]:
    """Tokens and US dollars of a call about an average example."""
    prompts = [json.dumps(row, ensure_ascii=False, default=str) for row in examples.train]
    found = app.lm.estimate(prompts, model=model)
    tokens = (found.input_tokens + found.output_tokens) / found.calls
    return tokens, None if found.usd is None else found.usd / found.calls


def _expectation(
    cell: Cell, batch: Batch, rates: Mapping[tuple[str, str], tuple[float, float | None]]
) -> Expectation:
    examples = batch.examples[cell.dataset]
    judged = len(examples.train if examples.val is None else examples.val)
    calls = expected_calls(batch.file.optimizers[cell.optimizer], len(examples.train), judged)
    if calls is None:
        return Expectation(cell, None, None, None)
    tokens, usd = rates[cell.model, cell.dataset]
    return Expectation(cell, calls, round(calls * tokens), None if usd is None else calls * usd)


def expected_calls(optimizer: OptimizerEntry, train: int, judged: int) -> int | None:
    """The most calls that an optimizer makes of a program that asks its model once a run.

    `train` examples are learned from, candidates and at last the result are scored on `judged` ones. None for an optimizer whose course depends
    on what it meets.
    """
    found = find_optimizer_type(optimizer.type)
    if found is None:
        raise ValueError(optimizer.type)
    defaults = {name: parameter.default for name, parameter in found.parameters.items()}
    count = _CALLS.get(found.name)
    return None if count is None else count({**defaults, **optimizer.config}, train, judged) + judged


def _search(config: Mapping[str, Any], train: int, judged: int) -> int:
    """The program as it is, labelled demos, demos in order, then those that are drawn: all but the first two bootstrapped."""
    drawn = config["num_candidate_programs"]
    return (drawn + 3) * judged + (drawn + 1) * train * config["max_rounds"]


def _copro(config: Mapping[str, Any], train: int, _judged: int) -> int:
    """Every instruction but the program's own is asked for, and each is scored on all that is learned from."""
    instructions = config["breadth"] * config["depth"]
    return instructions * train + instructions - 1


_CALLS: Mapping[str, Callable[[Mapping[str, Any], int, int], int]] = {
    "labeled_few_shot": lambda _config, _train, _judged: 0,
    "bootstrap_few_shot": lambda config, train, _judged: train * config["max_rounds"],
    "bootstrap_few_shot_with_random_search": _search,
    "copro": _copro,
}
