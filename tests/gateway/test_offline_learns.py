"""Examples in the prompt make the offline model better, measurably: on small cases here, and on real data."""

from __future__ import annotations

import collections
import json
import random
import re
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest
from dspy.teleprompt import BootstrapFewShot, LabeledFewShot
from gateway_engine import ADAPTERS, OfflineEngine, RolloutNote, signature_of

PASSAGES = [
    "Oslo Tower | Oslo Tower is a tower in Norway, opened in 1931. It was designed by the architect Ann Lee.",
    "Ann Lee | Ann Lee was a Norwegian architect, born in Bergen in 1890.",
]


def normal(text: str) -> str:
    """Normalise as SQuAD's evaluation does."""
    bare = "".join(ch for ch in text.lower() if ch not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def exact_match(example: dspy.Example, prediction: dspy.Prediction, trace: object = None) -> bool:
    return normal(example.answer) == normal(prediction.answer)


def f1(example: dspy.Example, prediction: dspy.Prediction) -> float:
    wanted, given = normal(example.answer).split(), normal(prediction.answer).split()
    common = sum((collections.Counter(wanted) & collections.Counter(given)).values())
    return 2 * common / (len(wanted) + len(given)) if common else 0.0


def same_intent(example: dspy.Example, prediction: dspy.Prediction, trace: object = None) -> bool:
    return example.intent == prediction.intent


def mean(
    program: Callable[..., Any], devset: Sequence[dspy.Example], metric: Callable[[dspy.Example, Any], float]
) -> float:
    return 100 * sum(metric(example, program(**example.inputs())) for example in devset) / len(devset)


def test_without_examples_the_answer_is_a_sentence(lm: dspy.LM) -> None:
    program = dspy.Predict("question, passages: list[str] -> answer")
    answer = program(question="Who designed Oslo Tower?", passages=PASSAGES).answer
    assert "Ann Lee" in answer
    assert answer.endswith(".")


def test_one_short_example_makes_answers_short(lm: dspy.LM) -> None:
    program = dspy.Predict("question, passages: list[str] -> answer")
    program.demos = [dspy.Example(question="Who wrote Hamlet?", answer="William Shakespeare")]
    assert program(question="Who designed Oslo Tower?", passages=PASSAGES).answer == "Ann Lee"


def test_an_instruction_to_be_brief_is_followed(lm: dspy.LM) -> None:
    signature = signature_of("question, passages: list[str] -> answer", "Answer with a short phrase.")
    assert dspy.Predict(signature)(question="Who designed Oslo Tower?", passages=PASSAGES).answer == "Ann Lee"


def test_long_examples_keep_answers_long(lm: dspy.LM) -> None:
    program = dspy.Predict("question, passages: list[str] -> answer")
    told = "Hamlet was written by William Shakespeare, in about 1600."
    program.demos = [dspy.Example(question="Who wrote Hamlet?", answer=told)]
    assert len(program(question="Who designed Oslo Tower?", passages=PASSAGES).answer.split()) > 4


def test_verdicts_are_written_as_the_examples_write_them(lm: dspy.LM) -> None:
    program = dspy.Predict("question, passages: list[str] -> answer")
    asked = {"question": "Was Oslo Tower designed by Ann Lee?", "passages": PASSAGES}
    assert program(**asked).answer == "Yes"
    program.demos = [dspy.Example(question="Is Oslo in Peru?", answer="no")]
    assert program(**asked).answer == "yes"


def test_values_that_repeat_in_examples_are_labels(lm: dspy.LM) -> None:
    program = dspy.Predict("review -> sentiment")
    program.demos = [
        dspy.Example(review="a dull and boring film", sentiment="negative"),
        dspy.Example(review="a boring waste of time", sentiment="negative"),
        dspy.Example(review="a charming and funny film", sentiment="positive"),
        dspy.Example(review="funny from start to end", sentiment="positive"),
    ]
    assert program(review="so boring I left").sentiment == "negative"
    assert program(review="charming, and funny too").sentiment == "positive"


def hotpotqa(file: Path) -> list[dspy.Example]:
    return [
        dspy.Example(
            question=item["question"],
            answer=item["answer"],
            passages=[f"{title} | {''.join(sentences)}" for title, sentences in item["context"]],
        ).with_inputs("question", "passages")
        for item in json.loads(file.read_text())
    ]


def banking77(file: Path) -> list[dspy.Example]:
    return [dspy.Example(**json.loads(line)).with_inputs("text") for line in file.read_text().splitlines()]


def compiled(
    program: dspy.Module, optimizer: str, trainset: list[dspy.Example], seed: int, metric: Callable[..., Any]
) -> dspy.Module:
    """Compile with 8 labelled examples, or with up to 4 bootstrapped ones among 16."""
    examples = list(trainset)
    random.Random(seed).shuffle(examples)
    if optimizer == "labeled":
        return LabeledFewShot(k=8).compile(program, trainset=examples)
    few_shot = BootstrapFewShot(metric=metric, max_bootstrapped_demos=4, max_labeled_demos=16, max_errors=1)
    return few_shot.compile(program, trainset=examples)


@pytest.fixture
def offline_lm() -> dspy.LM:
    return dspy.LM("offline", engine=OfflineEngine(), cache=False, num_retries=0)


@pytest.mark.data
@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("optimizer", ["labeled", "bootstrapped"])
def test_hotpotqa_answers_get_better_with_examples(
    shared_data: Path, offline_lm: dspy.LM, adapter: str, optimizer: str
) -> None:
    trainset, devset = (
        hotpotqa(shared_data / "hotpotqa/train.json"),
        hotpotqa(shared_data / "hotpotqa/dev.json"),
    )
    program = dspy.ChainOfThought("question, passages: list[str] -> answer")
    with dspy.context(lm=offline_lm, adapter=ADAPTERS[adapter](), callbacks=[RolloutNote()]):
        before = mean(program, devset, exact_match), mean(program, devset, f1)
        for seed in (1, 2):
            better = compiled(program, optimizer, trainset, seed, exact_match)
            assert mean(better, devset, exact_match) >= before[0] + 20
            assert mean(better, devset, f1) >= before[1] + 15


@pytest.mark.data
@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("optimizer", ["labeled", "bootstrapped"])
def test_intents_are_told_apart_better_with_examples(
    shared_data: Path, offline_lm: dspy.LM, adapter: str, optimizer: str
) -> None:
    trainset, devset = (
        banking77(shared_data / "banking77/train.jsonl"),
        banking77(shared_data / "banking77/dev.jsonl"),
    )
    intents = tuple(sorted({example.intent for example in trainset}))
    fields: dict[str, Any] = {
        "text": (str, dspy.InputField()),
        "intent": (Literal[intents], dspy.OutputField()),
    }
    program = dspy.Predict(signature_of(fields, "Classify what the customer wants."))
    with dspy.context(lm=offline_lm, adapter=ADAPTERS[adapter](), callbacks=[RolloutNote()]):
        devset = devset[::2]
        before = mean(program, devset, same_intent)
        for seed in (1, 2):
            better = compiled(program, optimizer, trainset, seed, same_intent)
            assert mean(better, devset, same_intent) >= before + 8
