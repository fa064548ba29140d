"""Metrics score as their names say, say what they lack, and a host may bring its own."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import dspy
import dspy.evaluate.metrics as dspy_metrics
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol import FaultError, FaultKind, ReverseCommand
from dspash_worker.metrics import METRIC_NAMES, read_metric
from dspash_worker.scoring import BUILT_IN, normalise, score_passage_match
from dspash_worker.testing import LocalWorker

CASES: list[tuple[str, Any, Any, float]] = [
    ("exact_match", "The Eiffel Tower", "eiffel tower!", 1.0),
    ("exact_match", "Paris", "Paris, France", 0.0),
    ("exact_match", ["Paris", "Lutetia"], "lutetia", 1.0),
    ("exact_match", 42, 42, 1.0),
    ("exact_match", 42, "42", 1.0),
    ("exact_match", ["a", "b"], ["a", "b"], 1.0),
    ("exact_match", True, False, 0.0),
    ("exact_match", "Café", "CAFÉ", 1.0),
    ("f1_score", "Paris", "Paris", 1.0),
    ("f1_score", "Paris", "it is in Paris", 0.4),
    ("f1_score", "Paris", "London", 0.0),
    ("f1_score", "the", "a", 0.0),
    ("f1_score", "", "Paris", 0.0),
    ("f1_score", "yes yes", "yes", 2 / 3),
    ("f1_score", ["red wine", "wine"], "wine", 1.0),
    ("contains", "Paris", "It is in Paris.", 1.0),
    ("contains", "Par", "It is in Paris.", 0.0),
]


@pytest.mark.parametrize(("name", "expected", "predicted", "score"), CASES)
def test_built_in_metrics_score(name: str, expected: Any, predicted: Any, score: float) -> None:
    verdict = read_metric(name).judge({"answer": expected}, {"answer": predicted})
    assert math.isclose(verdict.score, score)
    assert verdict.feedback is None


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Z"]), max_size=30)


@given(WORDS, WORDS)
def test_scores_stay_between_0_and_1_and_agree_where_texts_do(expected: str, predicted: str) -> None:
    scores = {name: score(expected, predicted) for name, score in BUILT_IN.items()}
    assert all(0.0 <= score <= 1.0 for score in scores.values())
    if normalise(expected) == normalise(predicted):
        assert scores["exact_match"] == 1.0
        assert scores["f1_score"] == float(bool(normalise(expected)))
    assert scores["f1_score"] == BUILT_IN["f1_score"](predicted, expected)


@given(WORDS)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


PHRASES = st.lists(
    st.sampled_from(
        ["the", "Eiffel", "tower", "A", "b-c", "b", "c", "£5", "5", "café", "’s", "x.", "1,000", "日本", ""]
    ),
    max_size=6,
).map(" ".join)


@given(PHRASES, PHRASES)
def test_built_in_metrics_agree_with_dspys_own(expected: str, predicted: str) -> None:
    assert BUILT_IN["exact_match"](expected, predicted) == dspy_metrics.EM(predicted, [expected])
    with contextlib.redirect_stdout(None):  # DSPy prints where both are empty
        assert math.isclose(BUILT_IN["f1_score"](expected, predicted), dspy_metrics.F1(predicted, [expected]))


@given(st.lists(PHRASES, min_size=1, max_size=2), st.lists(PHRASES, max_size=3))
def test_answer_passage_match_agrees_with_dspys_own(answers: list[str], passages: list[str]) -> None:
    answer = answers if len(answers) > 1 else answers[0]
    example, prediction = dspy.Example(answer=answer), dspy.Prediction(context=passages)
    own = dspy_metrics.answer_passage_match(example, prediction)
    judged = read_metric("answer_passage_match").judge(dict(example.items()), dict(prediction.items()))
    assert judged.score == own


def test_passage_match_is_the_share_of_gold_passages_that_are_cited() -> None:
    passages = ["Alpha is first.", "Beta is second.", "Gamma is third."]
    assert score_passage_match(["Alpha is first.", "Gamma is third."], [0], passages) == 0.5
    assert score_passage_match(["Alpha is first."], ["alpha is first"], []) == 1.0
    assert score_passage_match(["Alpha is first."], [0, 0, 7, True], passages) == 1.0
    assert score_passage_match([], [1], passages) == 1.0
    example = {"gold_passages": passages[:2], "passages": passages}
    assert read_metric("passage_match").judge(example, {"citations": [1]}).score == 0.5


def test_answer_passage_match_looks_into_the_passages_that_are_carried() -> None:
    metric = read_metric("answer_passage_match")
    assert metric.judge({"answer": "Paris"}, {"context": ["Rome", "It is Paris."]}).score == 1.0
    assert metric.judge({"answer": "Paris", "passages": ["Rome"]}, {}).score == 0.0
    with pytest.raises(FaultError, match="neither prediction nor example has passages or context"):
        metric.judge({"answer": "Paris"}, {})


def test_the_field_is_found_or_asked_for() -> None:
    assert read_metric("exact_match").judge({"intent": "a", "text": "x"}, {"intent": "a"}).score == 1.0
    assert (
        read_metric({"name": "exact_match", "field": "b"}).judge({"a": 1, "b": 2}, {"a": 9, "b": 2}).score
        == 1.0
    )
    with pytest.raises(FaultError, match="share a, b: say which to compare"):
        read_metric("exact_match").judge({"a": 1, "b": 2}, {"a": 1, "b": 2})
    with pytest.raises(FaultError, match="the prediction has no field 'answer'; it has reply"):
        read_metric("exact_match").judge({"answer": "x"}, {"reply": "x"})


def test_source_metrics_are_functions_of_example_and_prediction() -> None:
    text = "def helper(x):\n    return x.lower()\n\ndef metric(example, prediction, trace=None):\n    return {'score': helper(example.a) == helper(prediction.a), 'feedback': 'ok'}\n"
    verdict = read_metric({"source": text}).judge({"a": "X"}, {"a": "x"})
    assert (verdict.score, verdict.feedback) == (1.0, "ok")
    two = read_metric({"source": "def close(example, prediction):\n    return 0.25\n"})
    assert (two.name, two.judge({}, {}).score) == ("close", 0.25)
    with pytest.raises(FaultError, match="returned str, not a number") as caught:
        read_metric({"source": "def m(a, b): return 'x'"}).judge({}, {})
    assert caught.value.fault.kind is FaultKind.PROGRAM_ERROR


REFUSED: list[tuple[Any, str, str]] = [
    (None, "$.metric", "a metric's name or a map"),
    ("f1", "$.metric.name", "is no metric"),
    ("exact_mach", "$.metric.name", "did you mean 'exact_match'?"),
    ({"name": "f1_score", "host": "x"}, "$.metric", "one of name, host, source and judge"),
    ({"name": "f1_score", "feild": "x"}, "$.metric", "one of name, host, source and judge"),
    ({"judge": 7}, "$.metric.judge", "instructions (text) is wanted"),
    ({"source": "x = ("}, "$.metric.source", "line 1"),
    ({"source": "x = 1"}, "$.metric.source", "one function is wanted"),
    ({"source": "def a(x, y): pass\ndef b(x, y): pass"}, "$.metric.source", "or one called metric"),
]


@pytest.mark.parametrize(("raw", "path", "problem"), REFUSED)
def test_metrics_that_cannot_be_read_are_refused_by_their_place(raw: Any, path: str, problem: str) -> None:
    with pytest.raises(FaultError) as caught:
        read_metric(raw)
    assert caught.value.fault.details["path"] == path
    assert problem in caught.value.fault.message


def test_every_built_in_metric_is_known_by_name() -> None:
    assert [read_metric(name).name for name in METRIC_NAMES] == list(METRIC_NAMES)


@pytest.mark.parametrize(
    ("answer", "score"),
    [(True, 1.0), (0, 0.0), (0.5, 0.5), ({"score": 0.25}, 0.25), ({"score": True, "feedback": 3}, 1.0)],
)
def test_host_metric_may_answer_in_several_forms(scripted: Any, answer: Any, score: float) -> None:
    worker: LocalWorker = scripted({"answer": "x"})
    worker.answers[ReverseCommand.METRIC_CALL] = lambda _args: answer
    worker.call("create_module", id="m", type="predict", signature="q -> answer")
    result = worker.call(
        "evaluate", module_id="m", devset=[{"q": "?", "answer": "x"}], metric={"host": "mine"}
    )
    assert result["score"] == score
    assert worker.last is not None
    assert worker.last.asked[-1][1] == {
        "name": "mine",
        "example": {"q": "?", "answer": "x"},
        "prediction": {"answer": "x"},
    }


@pytest.mark.parametrize("answer", ["good", None, {"feedback": "x"}, [1]])
def test_host_metric_that_answers_something_else_fails_its_example(scripted: Any, answer: Any) -> None:
    worker: LocalWorker = scripted({"answer": "x"})
    worker.answers[ReverseCommand.METRIC_CALL] = lambda _args: answer
    worker.call("create_module", id="m", type="predict", signature="q -> answer")
    result = worker.call(
        "evaluate", module_id="m", devset=[{"q": "?", "answer": "x"}], metric={"host": "mine"}
    )
    assert "metric 'mine' returned" in result["results"][0]["error"]["message"]


def test_a_judge_asks_the_model_with_its_instructions_for_a_score_and_feedback(scripted: Any) -> None:
    worker: LocalWorker = scripted({"reasoning": "so", "score": 0.75, "feedback": "Nearly."})
    cases = [{"example": {"q": "?", "answer": "Paris"}, "prediction": {"answer": "paris"}}]
    (result,) = worker.call("score", metric={"judge": "Is it right?"}, cases=cases)["results"]
    assert result == {"index": 0, "score": 0.75, "error": None, "feedback": "Nearly."}
    asked = str(worker.call("inspect_history")["history"][0]["messages"])
    assert "Is it right?" in asked
    assert "Paris" in asked


@pytest.mark.parametrize("score", [8, -0.5, 1.5])
def test_a_judge_that_leaves_the_scale_is_no_judge(scripted: Any, score: float) -> None:
    worker: LocalWorker = scripted({"reasoning": "so", "score": score, "feedback": "."})
    cases: list[Any] = [{"example": {}, "prediction": {}}]
    (result,) = worker.call("score", metric={"judge": "Is it right?"}, cases=cases)["results"]
    assert result["score"] == 0
    assert f"the judge gave the score {float(score)}, not one from 0 to 1" in result["error"]["message"]


def test_predictions_are_scored_one_by_one_and_a_failure_is_that_cases_own(scripted: Any) -> None:
    worker: LocalWorker = scripted({"answer": "x"})
    cases = [
        {"example": {"answer": "Paris"}, "prediction": {"answer": "paris"}},
        {"example": {"answer": "Paris"}, "prediction": {"reply": "paris"}},
        {"example": {"answer": "Paris"}, "prediction": {"answer": "Rome"}},
    ]
    results = worker.call("score", metric="exact_match", cases=cases)["results"]
    assert [result["score"] for result in results] == [1.0, 0.0, 0.0]
    assert [result["error"] is None for result in results] == [True, False, True]
    assert "the prediction has no field 'answer'" in results[1]["error"]["message"]
    assert worker.call("score", metric="exact_match", cases=[]) == {"results": []}


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"metric": "exact_match"}, "$.cases"),
        ({"metric": "exact_match", "cases": [7]}, "$.cases[0]"),
        ({"metric": "exact_match", "cases": [{"example": {}}]}, "$.cases[0].prediction"),
        ({"cases": []}, "$.metric"),
    ],
)
def test_what_cannot_be_scored_is_refused_by_its_place(
    scripted: Any, args: dict[str, Any], path: str
) -> None:
    worker: LocalWorker = scripted({"answer": "x"})
    assert worker.fault("score", **args).details["path"] == path
