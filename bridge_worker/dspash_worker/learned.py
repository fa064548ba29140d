"""Learned: what an optimizer has taught a program, without what else it hangs on it."""

from __future__ import annotations

from typing import Any, Final

import dspy

from dspash_worker.classes import set_compiled
from dspash_worker.state import dump

__all__ = ["learned_state", "strip"]

_KEPT_BY_DSPY: Final = (
    "candidate_programs",
    "mb_candidate_programs",
    "trial_logs",
    "detailed_results",
    "results_best",
    "results_latest",
    "flag_compilation_error_occurred",
    "prompt_model_total_calls",
    "total_calls",
    "simba_idx",
    "score",
)
"""What optimizers hang on the program they return: whole programs among it, which nobody would ever free."""


def strip(program: dspy.Module) -> None:
    """Leave of an optimizer's result what it learned, in the structure that every worker builds.

    DSPy leaves compiled modules out of a larger program's state; a worker that loads the state has not compiled
    them, so both must look alike. A model set by the optimizer gives way to the one that is configured.
    """
    for name in _KEPT_BY_DSPY:
        vars(program).pop(name, None)
    set_compiled(program, compiled=False)
    for predictor in program.predictors():
        predictor.lm = None


def learned_state(program: dspy.Module) -> dict[str, Any]:
    """Return the state that `program` would have as a result; it stays as it is, and may be in use."""
    copied = program.deepcopy()
    strip(copied)
    return dump(copied)
