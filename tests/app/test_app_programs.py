"""Programs of an app: the forms they come in, and what they may do where they run."""

from __future__ import annotations

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
