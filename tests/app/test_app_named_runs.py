"""Runs with names: the same call again continues one or returns what it has made; another call is told what differs."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import dspash
from dspash.errors import ConfigurationError, ConflictError

EXAMPLES: list[Any] = [{"question": "Who?", "answer": "Ada"}, {"question": "Where?", "answer": "London"}]
SNIPPET = "result = {'answer': self.qa(question=question).answer}"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Generator[dspash.App]:
    """Open one app for all: each test has runs of its own names."""
    database = tmp_path_factory.mktemp("runs") / "runs.db"
    with dspash.open(database=database, timeout_s=20.0) as app:
        yield app


@pytest.fixture(scope="module")
def program(app: dspash.App) -> dspash.Program:
    """Make a program that runs in the app's own workers."""
    qa = app.module("predict", "question -> answer")
    return app.program("Answers", forward_fn=SNIPPET, modules={"qa": qa}, sandbox="process")


def _optimize(app: dspash.App, program: dspash.Program, run: str, **other: Any) -> dspash.Program:
    asked: dict[str, Any] = {"trainset": EXAMPLES, "optimizer": "labeled_fewshot", "k": 2, **other}
    return app.optimize(
        program, run=run, **{name: value for name, value in asked.items() if value is not None}
    )


def test_a_run_that_is_done_is_not_done_again(app: dspash.App, program: dspash.Program) -> None:
    first = _optimize(app, program, "nightly")
    record = app.runs.get("nightly")
    again = _optimize(app, program, "nightly")
    assert app.runs.get("nightly").version == record.version
    assert (again.state, again.score) == (first.state, first.score)
    assert again(question="Who?") == first(question="Who?")


def test_a_program_loaded_by_its_name_is_the_one_its_run_began_with(
    app: dspash.App, program: dspash.Program
) -> None:
    first = _optimize(app, program, "by-name")
    assert app.programs.get("Answers").latest_version > 1
    newest = app.program("Answers", version=app.runs.get("by-name").result_version)
    assert _optimize(app, newest, "by-name").state == first.state


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"k": 1}, "config.k was 2 and is 1"),
        ({"seed": 3}, "seed was 0 and is 3"),
        ({"trainset": EXAMPLES[:1]}, "trainset is another"),
        ({"valset": EXAMPLES}, "valset is another"),
        ({"metric": "f1_score"}, 'metric was "exact_match" and is "f1_score"'),
        (
            {"optimizer": "bootstrap_fewshot", "k": None, "max_bootstrapped_demos": 1},
            'optimizer was "labeled_fewshot" and is "bootstrap_fewshot"',
        ),
    ],
)
def test_what_was_asked_otherwise_is_told(
    app: dspash.App, program: dspash.Program, other: dict[str, Any], told: str
) -> None:
    _optimize(app, program, "refusing")
    with pytest.raises(ConflictError) as caught:
        _optimize(app, program, "refusing", **other)
    assert told in str(caught.value)
    assert "force" in str(caught.value)


def test_another_program_is_refused_and_forced_into_a_new_run(
    app: dspash.App, program: dspash.Program
) -> None:
    _optimize(app, program, "forced")
    before = app.runs.get("forced")
    qa = app.module("predict", "question, place -> answer")
    other = app.program(
        "Places",
        forward_fn="result = {'answer': self.qa(question=question, place='here').answer}",
        modules={"qa": qa},
        sandbox="process",
    )
    with pytest.raises(ConflictError, match="program is another"):
        _optimize(app, other, "forced")
    _optimize(app, other, "forced", force=True)
    after = app.runs.get("forced")
    assert after.id != before.id
    assert (after.status, app.runs.get(before.id).name) == ("completed", None)


def test_a_run_that_failed_is_tried_again_under_its_name(app: dspash.App, program: dspash.Program) -> None:
    told = {"works": False}

    def metric(_example: Any, _prediction: Any) -> float:
        if not told["works"]:
            raise ValueError("no score yet")
        return 1.0

    with pytest.raises(dspash.DspashError):
        _optimize(app, program, "failing", optimizer="bootstrap_fewshot", k=None, metric=metric)
    failed = app.runs.get("failing")
    assert failed.status == "failed"
    told["works"] = True
    improved = _optimize(app, program, "failing", optimizer="bootstrap_fewshot", k=None, metric=metric)
    assert improved.score == 1.0
    assert app.runs.get("failing").id == failed.id


def test_a_cancelled_run_is_not_continued(app: dspash.App, program: dspash.Program) -> None:
    planned = app.runs.create(
        program="Answers",
        version=1,
        optimizer="labeled_fewshot",
        trainset=EXAMPLES,
        config={"k": 2},
        name="off",
    )
    app.runs.cancel(planned)
    with pytest.raises(ConflictError, match="it was cancelled"):
        _optimize(app, program, "off")


def test_a_planned_run_is_carried_out_by_its_name(app: dspash.App, program: dspash.Program) -> None:
    planned = app.runs.create(
        program="Answers",
        version=1,
        optimizer="labeled_fewshot",
        trainset=EXAMPLES,
        config={"k": 2},
        name="plan",
    )
    _optimize(app, program, "plan")
    done = app.runs.get("plan")
    assert (done.id, done.status) == (planned.id, "completed")
    assert done.fingerprint.keys() >= {"program", "trainset", "models", "software", "teacher"}


def test_what_is_interrupted_is_not_continued_by_other_software(
    app: dspash.App, program: dspash.Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def metric(_example: Any, _prediction: Any) -> float:
        raise ValueError("no score")

    app.register_metric("refusing", metric)
    with pytest.raises(dspash.DspashError):
        _optimize(app, program, "older", optimizer="bootstrap_fewshot", k=None, metric={"host": "refusing"})
    from dspash.resources import fingerprint

    monkeypatch.setattr(fingerprint, "installed_software", lambda: {"dspy": "9.9", "dspash": "0"})
    with pytest.raises(ConflictError, match=r'software\.dspy was "[0-9.]+" and is "9.9"'):
        app.runs.resume("older")
    assert app.runs.get("older").status == "failed"


def test_nothing_is_named_where_nothing_is_kept(tmp_path: Path) -> None:
    with dspash.open(database=None, timeout_s=20.0) as app:
        module = app.module("predict", "question -> answer")
        with pytest.raises(ConfigurationError, match="database"):
            app.optimize(module, EXAMPLES, optimizer="labeled_fewshot", run="nightly")
