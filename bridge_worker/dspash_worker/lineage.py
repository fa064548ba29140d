"""Lineage: what GEPA breeds, told with what it was bred from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import dspy

from dspash_worker.candidates import Candidates
from dspash_worker.classes import named_predictors
from dspash_worker.learned import learned_state

__all__ = ["Lineage"]


class Lineage:
    """Hears from GEPA of each candidate of its pool, by the methods that GEPA calls its listeners by.

    `alone` is entered while GEPA runs: what it scores on a few examples, to see whether a change is worth more, is no
    candidate yet.
    """

    def __init__(
        self,
        candidates: Candidates,
        student: dspy.Module,
        alone: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._candidates = candidates
        self._student = student
        self._alone = alone
        self._while_it_runs = ExitStack()
        self._index: dict[int, int] = {}  # by GEPA's own number

    def on_optimization_start(self, _event: Mapping[str, Any]) -> None:
        """GEPA begins."""
        self._while_it_runs.enter_context(self._alone())

    def on_optimization_end(self, _event: Mapping[str, Any]) -> None:
        """GEPA is done."""
        self._while_it_runs.close()

    def on_valset_evaluated(self, event: Mapping[str, Any]) -> None:
        """A candidate has been scored, and belongs to the pool."""
        parents = [self._index[parent] for parent in event["parent_ids"] if parent in self._index]
        instructions: Mapping[str, str] = event["candidate"]
        self._index[event["candidate_idx"]] = self._candidates.add(
            float(event["average_score"]),
            examples=event["num_examples_evaluated"],
            state=lambda: self._state_of(instructions),
            parents=parents,
        )

    def _state_of(self, instructions: Mapping[str, str]) -> dict[str, Any]:
        program = self._student.deepcopy()
        for name, predictor in named_predictors(program):
            if name in instructions:
                predictor.signature = predictor.signature.with_instructions(instructions[name])
        return learned_state(program)
