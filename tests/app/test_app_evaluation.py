"""Evaluations bound what one example costs, keep what they have found, and go on where they were interrupted."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import dspash
from tests.leaks import no_leaks, wait_until

BOUND_S = 15.0
SCENES = Path(__file__).with_name("scenes")
TEN: list[Any] = [{"question": f"q{number}", "answer": f"q{number}"} for number in range(10)]

# A worker of the pool, which others share: what it does to itself, it does to them.
ODD = """
import os, time
if question == "dies":
    os._exit(3)
while question == "spins":
    pass
result = {"answer": question}
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Generator[dspash.App]:
    folder = tmp_path_factory.mktemp("evaluations")
    with (
        no_leaks(tmp_path_factory.mktemp("nothing")),
        dspash.open(
            workers=2,
            database=folder / "records.db",
            timeout_s=20.0,
            cancel_grace_s=0.2,
            max_restarts=20,
            python_path=[SCENES],
        ) as app,
    ):
        yield app


@pytest.fixture(scope="module")
def odd(app: dspash.App) -> dspash.Program:
    return app.program("Odd", forward_fn=ODD, sandbox="process", persistent=True)


@pytest.fixture(scope="module")
def pooled(app: dspash.App) -> dspash.Program:
    return app.program("Pooled", cls="odd_program:Odd")


def _with(*questions: str) -> list[Any]:
    return [*TEN[:6], *({"question": question, "answer": question} for question in questions), *TEN[6:]]


def test_one_that_kills_its_worker_costs_itself_alone(app: dspash.App, pooled: dspash.Program) -> None:
    done = app.evaluate(pooled, _with("dies"))
    assert (done.total, done.correct, done.failed) == (11, 10, 1)
    (failed,) = [each for each in done.results if each.error is not None]
    assert failed.index == 6
    assert "was in flight" in (failed.error or "")


def test_one_that_kills_its_sandbox_costs_itself_alone(app: dspash.App, odd: dspash.Program) -> None:
    done = app.evaluate(odd, _with("dies", "dies")[4:9])
    assert (done.total, done.correct, done.failed) == (5, 3, 2)
    assert [each.index for each in done.results if each.error] == [2, 3]


@pytest.mark.parametrize("name", ["pooled", "odd"])
def test_one_that_never_ends_costs_its_time(
    app: dspash.App, name: str, request: pytest.FixtureRequest
) -> None:
    told: list[Any] = []
    done = app.evaluate(
        request.getfixturevalue(name), _with("spins")[4:8], example_timeout_s=1.5, on_progress=told.append
    )
    assert (done.total, done.correct, done.failed) == (4, 3, 1)
    assert "no answer within 1.5 s" in (done.results[2].error or "")
    assert (told[-1]["done"], told[-1]["failed"]) == (4, 1)
    kept = app.evaluations.get(str(done.id))
    assert (kept.status, kept.failed, kept.example_timeout_s) == ("completed", 1, 1.5)


def test_a_data_set_is_named_and_the_record_says_so(app: dspash.App, odd: dspash.Program) -> None:
    dataset = app.datasets.create(name="numbers", examples=TEN[:6], sizes={"dev": 3, "test": 3})
    done = app.evaluate(odd, "numbers/dev")
    kept = app.evaluations.get(str(done.id))
    assert (done.score, kept.dataset_id, kept.split, kept.total) == (1.0, dataset.id, "dev", 3)
    improved = app.optimize(odd, "numbers/dev", optimizer="labeled_fewshot", valset="numbers", k=1)
    run = app.runs.list(sort="-created_at", limit=1).items[0]
    assert improved.score == 1.0
    assert (run.dataset_id, run.split, run.trainset) == (
        dataset.id,
        "dev",
        app.datasets.rows(dataset, split="dev"),
    )
    with pytest.raises(dspash.NotFoundError):
        app.evaluate(odd, "numbres/dev")


def test_what_was_found_before_an_interruption_is_not_run_again(app: dspash.App) -> None:
    asked: list[str] = []
    held, go_on = threading.Event(), threading.Event()

    def look(question: str) -> str:
        asked.append(question)
        if question == "q9" and not go_on.is_set():
            held.set()
            go_on.wait(BOUND_S)
        return question

    looks = app.program(
        "Looks", forward_fn="result = {'answer': look(question)}", tools=[look], sandbox="process"
    )
    planned = app.evaluations.create(program="Looks", devset=TEN, example_timeout_s=BOUND_S)
    ended: list[BaseException] = []

    def run() -> None:
        try:
            app.evaluations.run(planned.id)
        except dspash.DspashError as error:
            ended.append(error)

    assert looks(question="q0").answer == "q0"
    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert held.wait(BOUND_S)
        wait_until(lambda: _results(app, planned.id), "a result")
        before = _results(app, planned.id)
        app.evaluations.interrupt(planned.id)
        app.runtime.cancel(str(planned.id), "it is interrupted")
    finally:
        go_on.set()
        thread.join(BOUND_S)
    assert isinstance(ended[0], dspash.CallCancelledError)
    asked.clear()
    done = app.evaluations.run(planned.id)
    assert (done.status, done.score, done.total) == ("completed", 1.0, 10)
    assert before
    assert not set(asked) & {f"q{index}" for index in before}
    assert _results(app, planned.id) == list(range(10))


def _results(app: dspash.App, evaluation_id: Any) -> list[int]:
    found = app.evaluation_results.iterate(filter={"evaluation_id": str(evaluation_id)})
    return sorted(result.index for result in found)


def test_evaluations_are_compared_told_apart_and_exported(
    app: dspash.App, odd: dspash.Program, tmp_path: Path
) -> None:
    before = app.evaluate(odd, TEN, metric=lambda example, _: float(example.question < "q2"))
    after = app.evaluate(odd, TEN)
    compared = before.compare(after)
    assert (compared.gained, compared.lost) == (tuple(range(2, 10)), ())
    kept = app.evaluations.compare(str(before.id), other=str(after.id), test="auto")
    assert kept["significance"] == {"test": "mcnemar", "p_value": 2 / 2**8}
    assert kept["gained"] == list(range(2, 10))
    interval = before.interval()
    assert interval is not None
    assert app.evaluations.interval(str(before.id)) == interval.to_map()
    written = app.evaluations.export(str(before.id), path=str(tmp_path / "results.csv"))
    assert written["results"] == 10
    header = (tmp_path / "results.csv").read_text().splitlines()[0]
    assert header == "index,score,error,example.question,example.answer,prediction.answer"
    assert before.export(tmp_path / "plain.jsonl", TEN).read_text().count(os.linesep) == 10


def test_time_that_is_none_is_refused(app: dspash.App, odd: dspash.Program) -> None:
    with pytest.raises(dspash.ConfigurationError, match="example_timeout_s"):
        app.evaluate(odd, TEN, example_timeout_s=0)
    with dspash.open(database=None) as other, pytest.raises(dspash.ConfigurationError, match="keeps none"):
        other.evaluate(other.module("predict", "question -> answer"), "numbers/dev")
