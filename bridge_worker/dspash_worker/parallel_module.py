"""Parallel module: one module over a list of inputs, several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dspy

from dspash_worker.faults import fault_of

__all__ = ["ParallelModule"]


class ParallelModule(dspy.Module):
    """Runs `module` on each of `inputs` with `dspy.Parallel`.

    Its prediction has `results`, one for each of the inputs, None where one failed, and `errors`, as long, the other
    way round. `max_errors` failures end it early; without it, it ends with the last of the inputs.
    """

    def __init__(
        self, module: dspy.Module, *, num_threads: int | None = None, max_errors: int | None = None
    ) -> None:
        super().__init__()
        self.module = module
        self.num_threads = num_threads
        self.max_errors = max_errors

    def forward(self, inputs: Sequence[dict[str, Any]]) -> dspy.Prediction:
        if not inputs:
            return dspy.Prediction(results=[], errors=[])
        failures: dict[int, str] = {}

        def run(position: int, given: dict[str, Any]) -> Any:
            try:
                return self.module(**given)
            except Exception as error:
                failures[position] = fault_of(error).message
                raise

        # `access_examples` is for examples; a pair (function, arguments) is called as it is.
        runner = dspy.Parallel(
            num_threads=self.num_threads,
            max_errors=len(inputs) + 1 if self.max_errors is None else self.max_errors,
            disable_progress_bar=True,
        )
        results = runner([(run, (position, given)) for position, given in enumerate(inputs)])
        errors = [failures.get(position) for position in range(len(inputs))]
        return dspy.Prediction(results=results, errors=errors)
