"""A run whose budget is spent is interrupted: the best it has tried is a version, and with more of it the run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

import dspash

RUN: Final = "nightly"
SETTINGS: Final[dict[str, Any]] = {
    "optimizer": "bootstrap_few_shot_with_random_search",
    "num_candidate_programs": 3,
    "max_bootstrapped_demos": 2,
    "max_labeled_demos": 2,
    "num_threads": 1,
}
EXAMPLES: Final = [
    {"question": f"What is the colour of thing {number}?", "answer": "green"} for number in range(8)
]
SOURCE: Final = """
class Answering(dspy.Module):
    def __init__(self):
        super().__init__()
        self.qa = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.qa(question=question)
"""
ENOUGH_FOR_ONE: Final = 12  # calls: the first candidate takes eight


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_the_best_so_far_is_kept_and_the_run_goes_on_with_more(tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    with dspash.open(database=database, budget={"calls": ENOUGH_FOR_ONE}) as app:
        program = app.program("Answering", source=SOURCE, sandbox="process")
        with pytest.raises(dspash.LMCallError) as caught:
            app.optimize(program, EXAMPLES, run=RUN, **SETTINGS)
        assert caught.value.code == "billing"
        [run] = app.runs.list().items
        assert run.status == "interrupted"
        assert "budget" in (run.error or "")
        assert run.best_program_state is not None
        assert len(run.trials) >= 1
        [kept] = [each for each in app.versions.list().items if each.number == run.result_version]
        assert (kept.score, kept.run_id) == (run.score, run.id)
    with dspash.open(database=database) as app:
        program = app.program("Answering", source=SOURCE, sandbox="process")
        improved = app.optimize(program, EXAMPLES, run=RUN, **SETTINGS)
        [run] = app.runs.list().items
        assert run.status == "completed"
        assert run.score == improved.score
        assert run.error is None


@pytest.mark.timeout(60)
def test_a_budget_too_small_for_one_candidate_leaves_none(tmp_path: Path) -> None:
    with dspash.open(database=tmp_path / "runs.db", budget={"calls": 3}) as app:
        program = app.module("predict", "question -> answer", id="qa")
        with pytest.raises(dspash.LMCallError):
            app.optimize(program, EXAMPLES, **SETTINGS)
        [run] = app.runs.list().items
        assert (run.status, run.best_program_state, run.trials) == ("interrupted", None, [])


@pytest.mark.timeout(60)
def test_a_result_that_could_not_be_judged_whole_has_no_score(tmp_path: Path) -> None:
    """Labelled demonstrations are chosen without a call; it is their judging that the budget does not pay for."""
    with dspash.open(database=tmp_path / "runs.db", budget={"calls": 3}) as app:
        program = app.module("predict", "question -> answer", id="qa")
        with pytest.raises(dspash.LMCallError) as caught:
            app.optimize(program, EXAMPLES, optimizer="labeled_few_shot", k=2)
        assert caught.value.code == "billing"
        [run] = app.runs.list().items
        assert (run.status, run.score) == ("interrupted", None)
