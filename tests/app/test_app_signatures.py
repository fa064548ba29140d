"""A signature may be given as a class, as text or as DSPy's own; inputs that do not fit it are never sent."""

from __future__ import annotations

from typing import Any

import dspy
import pytest

import dspash
from dspash.signatures import Input, Output, Signature
from dspash_protocol import Progress


class Judge(Signature):
    """Judge the answer."""

    question: str = Input(desc="What was asked")
    scores: list[float] = Input()
    hint: str = Input(optional=True)
    answer: str = Output()


class Asked(dspy.Signature):
    """Judge the answer."""

    question: str = dspy.InputField(desc="What was asked")
    answer: str = dspy.OutputField()


def signature_in_the_worker(app: dspash.App, module: dspash.Module) -> str:
    listed = app.call("list")["modules"]
    return next(one["signature"] for one in listed if one["id"] == module.id)


def test_a_class_stands_wherever_text_does(app: dspash.App) -> None:
    module = app.module("chain_of_thought", Judge)
    assert signature_in_the_worker(app, module) == Judge.text
    assert module(question="?", scores=[1, 0.5]).answer
    state = app.call("dump_state", {"id": module.id})["state"]
    assert "Judge the answer." in str(state)


def test_dspys_own_class_stands_there_too(app: dspash.App) -> None:
    module = app.module("predict", Asked)
    assert signature_in_the_worker(app, module) == 'question: str "What was asked" -> answer: str'
    assert module(question="?").answer


MODULES: list[tuple[str, Any]] = [
    ("predict", Judge),
    ("chain_of_thought", Judge.text),
    ("ReAct", Judge.to_map()),
]


@pytest.mark.parametrize(("type_", "signature"), MODULES)
def test_inputs_that_do_not_fit_are_refused_before_a_worker_sees_them(
    app: dspash.App, type_: str, signature: Any
) -> None:
    module = app.module(type_, signature)
    sent = app.status().calls
    with pytest.raises(dspash.InvalidInputError) as refused:
        module(question=7, scores=["high"], qestion="?")
    assert [problem["path"] for problem in refused.value.details["problems"]] == [
        "$.inputs.question",
        "$.inputs.scores[0]",
        "$.inputs.qestion",
    ]
    assert refused.value.progress is Progress.NOT_SENT
    assert app.status().calls == sent
    with pytest.raises(dspash.InvalidInputError, match="missing"):
        app.stream(module, {"question": "?"})


def test_a_module_made_of_another_takes_what_that_takes(app: dspash.App) -> None:
    inner = app.module("predict", Judge)
    best = app.module("best_of_n", module=inner, N=2, threshold=1.0, reward="exact_match")
    with pytest.raises(dspash.InvalidInputError) as refused:
        best(question="?")
    assert refused.value.progress is Progress.NOT_SENT


def test_inputs_beside_the_signature_are_the_workers_to_know(app: dspash.App) -> None:
    module = app.module("multi_chain_comparison", "question -> answer", M=2)
    completions = [{"rationale": "so", "answer": "a"}, {"rationale": "thus", "answer": "b"}]
    assert module(question="?", completions=completions).answer
    with pytest.raises(dspash.InvalidInputError) as refused:
        module(question="?")
    assert refused.value.progress is not Progress.NOT_SENT


def test_a_signature_that_cannot_be_read_is_refused_with_field_and_character(app: dspash.App) -> None:
    with pytest.raises(dspash.InvalidInputError) as refused:
        app.module("predict", "question, context: list[sting] -> answer")
    assert refused.value.details == {"path": "$.signature", "field": "context", "position": 24}
