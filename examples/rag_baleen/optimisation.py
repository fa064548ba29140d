"""Step 5, optimisation: an optimizer that is kept, and a run of it that makes a new version of the program."""

from __future__ import annotations

from typing import Final

import dspash
from rag_baleen.program import NAME
from rag_baleen.questions import import_questions

__all__ = ["optimise"]

OPTIMIZER: Final = "RAG Optimizer"


def optimise(app: dspash.App, examples: int = 20) -> float:
    """Improve the program by demonstrations, make the outcome the live version, return its score in training."""
    try:
        optimizer = app.optimizers.get(OPTIMIZER)
    except dspash.NotFoundError:
        optimizer = app.optimizers.create(
            name=OPTIMIZER,
            type="bootstrap_fewshot",
            config={"max_bootstrapped_demos": 3, "max_labeled_demos": 10},
        )
    run = app.optimizers.compile(
        optimizer.id, program=NAME, trainset=import_questions(app, "train", examples), metric="exact_match"
    )
    app.programs.promote(NAME)
    return run.score or 0.0
