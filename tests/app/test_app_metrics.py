"""Metrics that are kept by name score in workers, judge by a model, and reach functions of the app."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import dspash
from tests.leaks import no_leaks

DEVSET = [{"question": "Who?", "answer": "Ada"}, {"question": "Where?", "answer": "London"}]
SOURCE = """
import os

def metric(example, prediction):
    same = example.answer == prediction.answer
    return {"score": same, "feedback": f"{example.answer}, in process {os.getpid()}"}
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, module_database: str) -> Generator[dspash.App]:
    folder: Path = tmp_path_factory.mktemp("metrics")
    with no_leaks(folder), dspash.open(workers=1, timeout_s=20.0, database=module_database) as app:
        yield app


@pytest.fixture(scope="module")
def echo(app: dspash.App) -> dspash.Program:
    answers = {row["question"]: row["answer"].upper() for row in DEVSET}
    return app.program("Echo", forward_fn=f"result = {{'answer': {answers!r}[question]}}")


def scored(app: dspash.App, name: str, example: dict[str, Any], prediction: dict[str, Any]) -> dict[str, Any]:
    return app.stored_metrics.score(name, example=example, prediction=prediction)


def test_a_built_in_scores_one_prediction(app: dspash.App) -> None:
    app.stored_metrics.create(name="Words", type="f1_score", field="reply")
    found = scored(app, "Words", {"reply": "Ada Lovelace"}, {"reply": "lovelace"})
    assert found == {"score": pytest.approx(2 / 3), "feedback": None}
    with pytest.raises(dspash.ProgramError, match="the prediction has no field 'reply'"):
        scored(app, "Words", {"reply": "x"}, {"answer": "x"})


def test_code_runs_in_a_worker_and_never_here(app: dspash.App, echo: dspash.Program) -> None:
    import os

    app.stored_metrics.create(name="Same", type="code", code=SOURCE)
    found = scored(app, "Same", {"answer": "Ada"}, {"answer": "Ada"})
    assert found["score"] == 1.0
    assert not found["feedback"].endswith(f"process {os.getpid()}")
    assert app.evaluate(echo, DEVSET, "Same").score == 0.0
    app.stored_metrics.create(name="Broken", type="code", code="def metric(")
    with pytest.raises(dspash.InvalidInputError, match="line 1"):
        scored(app, "Broken", {}, {})


def test_a_model_judges(app: dspash.App) -> None:
    app.stored_metrics.create(name="Kind", type="judge", instructions="Is the answer kind?")
    found = scored(app, "Kind", {"question": "?"}, {"answer": "Yes, dear."})
    assert 0.0 <= found["score"] <= 1.0
    assert found["feedback"]


def test_a_function_of_the_app_is_found_by_its_name(app: dspash.App, echo: dspash.Program) -> None:
    seen: list[str] = []

    def close(example: Any, prediction: Any) -> dict[str, Any]:
        seen.append(prediction.answer)
        return {"score": example.answer.lower() == prediction.answer.lower(), "feedback": "Close."}

    app.stored_metrics.create(name="Close", type="host", function="close")
    with pytest.raises(dspash.ConfigurationError, match=r"give it with app\.register_metric\('close'"):
        scored(app, "Close", {}, {})
    app.register_metric("close", close)
    for _ in range(2):  # it stays when it was used
        assert scored(app, "Close", {"answer": "Ada"}, {"answer": "ADA"}) == {
            "score": 1.0,
            "feedback": "Close.",
        }
        assert app.evaluate(echo, DEVSET, "Close").score == 1.0
    assert set(seen) == {"ADA", "LONDON"}
    kept = app.evaluations.list(sort="-created_at").items[0]
    assert (kept.metric, kept.metric_name, kept.score) == ({"host": "close"}, "Close", 1.0)


@pytest.mark.parametrize("name", ["", "a b", "f-1"])
def test_a_function_needs_a_name_to_be_found_by(app: dspash.App, name: str) -> None:
    with pytest.raises(dspash.ConfigurationError, match="is no name"):
        app.register_metric(name, print)


def test_a_name_that_no_metric_has_is_refused(app: dspash.App, echo: dspash.Program) -> None:
    with pytest.raises(dspash.InvalidInputError, match="did you mean 'exact_match'"):
        app.evaluate(echo, DEVSET, "exact_mach")


def test_a_kept_metric_rewards_samples(app: dspash.App) -> None:
    app.stored_metrics.create(name="Always", type="code", code="def metric(example, prediction): return 1.0")
    inner = app.module("predict", "question -> answer")
    best = app.module("best_of_n", module=inner, N=2, threshold=1.0, reward="Always")
    assert best(question="Who?").answer
