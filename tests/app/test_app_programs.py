"""Programs of an app: the forms they come in, and what they may do where they run."""

from __future__ import annotations

import json
from typing import Any

import pytest

import dspash

TWO = """
import dspy

class One(dspy.Module):
    def forward(self):
        return {"number": 1}

class Two(dspy.Module):
    def forward(self):
        return {"number": 2}
"""

IN_THREADS = """
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(2) as threads:
    result = {"answers": list(threads.map(lambda text: self.qa(question=text).answer, ["Who?", "Where?"]))}
"""


def test_class_name_says_which_class_of_a_source_is_the_program(app: dspash.App) -> None:
    with pytest.raises(dspash.InvalidInputError, match="say which with class_name"):
        app.program("Unsaid", source=TWO)
    assert app.program("Said", source=TWO, class_name="Two")().number == 2


def test_a_program_may_ask_its_model_from_threads_of_its_own(app: dspash.App) -> None:
    qa = app.module("predict", "question -> answer")
    answers = app.program("Threaded", forward_fn=IN_THREADS, modules={"qa": qa})().answers
    assert answers == [qa(question="Who?").answer, qa(question="Where?").answer]


def test_an_error_names_the_command_by_its_text(app: dspash.App) -> None:
    ends = app.program("Ends", forward_fn="import os; os._exit(3)")
    with pytest.raises(dspash.WorkerLostError, match="while 'execute' was in flight"):
        ends()


def test_an_optimizer_whose_metric_always_fails_says_so(app: dspash.App) -> None:
    qa = app.module("predict", "question -> answer")
    examples = [{"question": "Who?", "answer": "Ada"}]
    with pytest.raises(dspash.ProgramError, match=r"not one example could be judged; .*division by zero"):
        app.optimize(qa, examples, metric=lambda _example, _prediction: 1 / 0)


def test_an_improved_program_may_teach_the_next_optimizer(app: dspash.App) -> None:
    qa = app.module("predict", "question -> answer")
    examples = [{"question": f"Who is number {number}?", "answer": "Ada"} for number in range(3)]
    first = app.optimize(qa, examples, metric="f1_score", optimizer="labeled_fewshot", k=3)
    assert app.optimize(qa, examples, metric="f1_score", teacher=first).score is not None
    with pytest.raises(dspash.InvalidInputError, match="labeled_few_shot takes none"):
        app.optimize(qa, examples, optimizer="labeled_fewshot", teacher=first)
    wrong: Any = first.id
    with pytest.raises(dspash.ConfigurationError, match=r"^teacher: str is no module or program"):
        app.optimize(qa, examples, teacher=wrong)


def test_a_state_that_was_kept_can_be_loaded_again(app: dspash.App) -> None:
    examples = [{"question": "Who?", "answer": "Ada"}]
    learned = app.optimize(
        app.module("predict", "question -> answer"), examples, optimizer="labeled_fewshot", k=1
    )
    kept = json.dumps(learned.state)
    fresh = app.module("predict", "question -> answer")
    app.call("load_state", {"id": fresh.id, "state": json.loads(kept)})
    assert fresh(question="Who is it?") == learned(question="Who is it?")
    assert app.call("dump_state", {"id": fresh.id})["state"] == learned.state
