"""A run of the demo, in workers, on a task of the test's own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import pytest

from dspash.app import App, Program
from dspash.cli.entry import ExitStatus, run
from dspash.demo import RunOptions, Task, run_task
from dspash.demo.stage import Stage

ECHO: Final = """
class Echo(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        if question == "bad":
            raise ValueError("a bad question")
        self.answer(question=question)
        return dspy.Prediction(answer=question)
"""


class Notebook:
    """A display that notes what it is shown."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []

    @contextmanager
    def showing(self, stage: Stage) -> Generator[None]:
        self.stages.append(stage)
        yield


def define(app: App) -> Program:
    return app.program("Echo", source=ECHO)


def echo_task(*questions: str) -> Task:
    return Task(
        title="echo",
        trainset=tuple({"question": text, "answer": text} for text in ("a", "b", "c")),
        devset=tuple({"question": text, "answer": text.rstrip("?")} for text in questions),
        input_field="question",
        output_field="answer",
        score_name="exact_match",
        metric="exact_match",
        define=define,
        further_scores={"equal": lambda expected, predicted: float(expected == predicted)},
        optimizer_config={"max_bootstrapped_demos": 1, "max_labeled_demos": 2},
    )


@pytest.mark.timeout(60)
def test_stages_follow_one_another_and_count_what_they_cost() -> None:
    notebook = Notebook()
    report = run_task(echo_task("x", "y", "z?", "u"), RunOptions(workers=1), notebook)

    assert [stage.title for stage in notebook.stages] == [
        "start workers", "evaluate plain", "optimise", "evaluate optimised", "answer questions",
    ]  # fmt: skip
    assert all(stage.ended for stage in notebook.stages)
    assert [(stage.done, stage.total) for stage in notebook.stages[1::2]] == [(4, 4), (4, 4)]
    assert [stage.lm_calls for stage in notebook.stages[1::2]] == [4, 4]
    assert report.before.scores == {"exact_match": 1.0, "equal": 0.75}
    assert report.optimization.lm_calls == notebook.stages[2].lm_calls > 0
    assert len(report.answers) == 3


@pytest.mark.timeout(60)
def test_an_example_that_fails_counts_0_and_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dspash.demo.own_questions", lambda: echo_task("x", "bad"))

    assert run(["demo", "--workers", "1"]) == ExitStatus.FAILED

    out, err = capsys.readouterr()
    assert "50.0%" in out
    assert "bad\n  error: " in out
    assert err.startswith("dspash demo: 3 runs of the program failed; the first: ")
    assert "a bad question" in err
    assert err.count("\n") == 1
