"""DSPy's optimizers find better programs with the offline model as task model and as prompt model."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy import teleprompt
from gateway_engine import OfflineEngine, RolloutNote

QUIET = {"num_threads": 1, "display_progress": False}


def exact_match(example: Any, prediction: Any, trace: object = None) -> bool:
    return example.answer.lower() == str(prediction.answer).lower().strip(". ")


def with_feedback(example: Any, prediction: Any, *_: object) -> dspy.Prediction:
    return dspy.Prediction(
        score=float(exact_match(example, prediction)), feedback=f"The answer is {example.answer}."
    )


def program() -> dspy.Module:
    return dspy.ChainOfThought("question, passages: list[str] -> answer")


def copro(trainset: list[dspy.Example]) -> dspy.Module:
    optimizer = teleprompt.COPRO(metric=exact_match, breadth=3, depth=2)
    return optimizer.compile(program(), trainset=trainset, eval_kwargs={**QUIET, "display_table": 0})


def mipro(trainset: list[dspy.Example]) -> dspy.Module:
    optimizer = teleprompt.MIPROv2(
        metric=exact_match,
        auto=None,
        num_candidates=3,
        max_bootstrapped_demos=0,
        max_labeled_demos=0,
        num_threads=1,
    )
    half = len(trainset) // 2
    return optimizer.compile(
        program(), trainset=trainset[:half], valset=trainset[half:], num_trials=3, minibatch=False
    )


def simba(trainset: list[dspy.Example]) -> dspy.Module:
    optimizer = teleprompt.SIMBA(
        metric=exact_match, bsize=6, num_candidates=2, max_steps=2, max_demos=2, num_threads=1
    )
    return optimizer.compile(program(), trainset=trainset, seed=1)


def gepa(trainset: list[dspy.Example]) -> dspy.Module:
    optimizer = dspy.GEPA(
        metric=with_feedback, max_metric_calls=50, reflection_lm=dspy.settings.lm, num_threads=1
    )
    half = len(trainset) // 2
    return optimizer.compile(program(), trainset=trainset[:half], valset=trainset[half:])


def rules(trainset: list[dspy.Example]) -> dspy.Module:
    optimizer = teleprompt.InferRules(
        metric=exact_match,
        num_candidates=1,
        num_rules=2,
        num_threads=1,
        max_bootstrapped_demos=1,
        max_labeled_demos=1,
    )
    found: Any = optimizer.compile(program(), trainset=trainset)
    return found


def random_search(trainset: list[dspy.Example]) -> dspy.Module:
    optimizer = teleprompt.BootstrapFewShotWithRandomSearch(
        metric=exact_match,
        max_bootstrapped_demos=1,
        max_labeled_demos=2,
        num_candidate_programs=1,
        num_threads=1,
    )
    return optimizer.compile(program(), trainset=trainset)


@pytest.fixture
def configured() -> Iterator[None]:
    """Configure a model whose calls run in this thread."""
    lm = dspy.LM("offline", engine=OfflineEngine(), cache=False, num_retries=0)
    with dspy.context(lm=lm, callbacks=[RolloutNote()]):
        yield


@pytest.mark.data
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("optimize", [copro, mipro, simba, gepa, rules, random_search])
def test_optimizers_raise_the_score(
    shared_data: Path, configured: None, optimize: Callable[[list[dspy.Example]], dspy.Module]
) -> None:
    if optimize is mipro and importlib.util.find_spec("optuna") is None:
        pytest.skip("optuna is missing (pip extra dspash[optimizers])")
    items = json.loads((shared_data / "hotpotqa/train.json").read_text())[:16]
    examples = [
        dspy.Example(
            question=item["question"],
            answer=item["answer"],
            passages=[f"{title} | {''.join(sentences)}" for title, sentences in item["context"]],
        ).with_inputs("question", "passages")
        for item in items
    ]

    def score(candidate: Any) -> int:
        return sum(exact_match(example, candidate(**example.inputs())) for example in examples)

    assert score(optimize(examples)) >= score(program()) + 3
