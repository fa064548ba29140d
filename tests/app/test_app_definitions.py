"""Modules and programs of an app: what they may use, and what stays when one cannot be made."""

from __future__ import annotations

import pytest

import dspash

QUESTION = "Who designed the tower?"


def one() -> str:
    """One."""
    return "one"


def two() -> str:
    """Two."""
    return "two"


def test_a_program_may_use_the_tools_of_its_modules(app: dspash.App) -> None:
    agent = app.module("react", "question -> answer", tools=[one], max_iters=1)
    program = app.program(
        "Both", modules={"agent": agent}, tools=[two], forward_fn="result = {'said': one() + two()}"
    )
    assert program().said == "onetwo"


def test_a_program_that_cannot_be_made_leaves_the_one_before_it_with_its_tools(app: dspash.App) -> None:
    before = app.program("Kept", forward_fn="result = {'said': one()}", tools=[one])
    with pytest.raises(dspash.InvalidInputError):
        app.program("Kept", forward_fn="result = (", tools=[two])
    assert before().said == "one"


def test_what_was_deleted_can_be_called_no_more(app: dspash.App) -> None:
    program = app.program("Gone", forward_fn="result = {}")
    app.delete(program)
    with pytest.raises(dspash.NotFoundError):
        program()
    with pytest.raises(dspash.NotFoundError):
        app.delete(program)


def test_what_an_optimizer_learned_stands_beside_the_original_and_keeps_its_tools(app: dspash.App) -> None:
    qa = app.module("predict", "question -> answer")
    original = app.program(
        "Asks", modules={"qa": qa}, tools=[one], forward_fn="result = self.qa(question=question + one())"
    )
    examples = [{"question": QUESTION, "answer": "Gustave Eiffel"}]
    improved = app.optimize(original, examples, optimizer="labeled_fewshot", k=1)
    assert improved.id.startswith("Asks@")
    demos = {
        program.id: app.call("dump_state", {"id": program.id})["state"]["qa"]["demos"]
        for program in (original, improved)
    }
    assert [len(found) for found in demos.values()] == [0, 1]
    app.delete(original)
    assert improved(question=QUESTION).answer


@pytest.mark.parametrize(
    "forms",
    [{"source": "x", "forward_fn": "y"}, {"cls": "a:B", "source": "x"}],
    ids="+".join,
)
def test_a_program_has_one_form(app: dspash.App, forms: dict[str, str]) -> None:
    with pytest.raises(dspash.ConfigurationError, match="exactly one"):
        app.program("Formless", **forms)  # type: ignore[arg-type]


def test_a_program_without_a_form_is_one_that_is_kept(app: dspash.App) -> None:
    with pytest.raises(
        dspash.NotFoundError,
        match="no program is called 'Formless'; fix the name, or give source, forward_fn",
    ):
        app.program("Formless")


def test_an_optimizer_whose_work_only_one_worker_could_have_is_refused_with_the_way_out(
    app: dspash.App,
) -> None:
    qa = app.module("predict", "question -> answer")
    examples = [{"question": "Who?", "answer": "Ada"}, {"question": "Where?", "answer": "London"}]
    calls = app.gateway.usage()
    with pytest.raises(dspash.ConfigurationError, match="sticky") as refused:
        app.optimize(qa, examples, optimizer="knn_few_shot", k=1)
    assert refused.value.path == "optimizer"
    assert app.gateway.usage() == calls  # nothing was paid for


def test_the_completions_of_one_call_differ(app: dspash.App) -> None:
    """They are samples of one request, which a model that repeats itself must be able to tell apart."""
    proposer = app.module(
        "predict",
        {
            "inputs": ["basic_instruction"],
            "outputs": ["proposed_instruction"],
            "instructions": "You are an instruction optimizer. Propose an instruction for a language model.",
        },
        n=6,
        temperature=1.4,
    )
    inputs = {"basic_instruction": "Answer the question."}
    request = {"module_id": proposer.id, "inputs": inputs, "detail": True}
    said = [tuple(completion.items()) for completion in app.call("forward", request)["completions"]]
    assert len(said) == 6
    assert len(set(said)) > 1
    again = [tuple(completion.items()) for completion in app.call("forward", request)["completions"]]
    assert again == said
