"""A signature is kept with its fields as they were said, and comes back as the class that was given."""

from __future__ import annotations

from typing import Any

import pytest

import dspash
from dspash.errors import InvalidInputError
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.signature import Signature
from dspash.store import Store

ANN = Context(actor="ann", tenant="north", request_id="request-1")


class RAG(dspash.Signature):
    """Answer from the passages."""

    question: str = dspash.Input(desc="The question to answer")
    passages: list[str] = dspash.Input()
    anything = dspash.Input()
    k: int = dspash.Input(default=3)
    hint: str = dspash.Input(optional=True)
    answer: str = dspash.Output()


@pytest.fixture
def scene(store: Store) -> StoredScene:
    return StoredScene(ANN, domain=DOMAIN, store=store)


def test_of_what_may_be_one_or_the_other_the_nearer_one_says_what_is_wrong(scene: StoredScene) -> None:
    bad: list[Any] = ["question", {"name": "a", "typ": "str"}]
    with pytest.raises(InvalidInputError) as caught:
        scene.of(Signature).create(name="QA", inputs=bad, outputs=["answer"])
    assert [str(problem) for problem in caught.value.problems] == ["$.inputs[1].typ: unknown"]


def test_a_class_comes_back_as_it_was(scene: StoredScene) -> None:
    made = scene.of(Signature).create(**RAG.to_arguments())
    assert (made.name, made.docstring, made.content_hash) == ("RAG", RAG.instructions, RAG.content_hash)
    kept = scene.of(Signature).get("RAG")
    assert kept.to_class() == RAG
    assert kept.to_class().spec == RAG.spec


def test_text_and_fields_make_equal_signatures(scene: StoredScene) -> None:
    text = "question, context: list[str], k?: int = 3 -> answer: str, score: float"
    fields = scene.of(Signature).compile(signature_string=text)
    of_text = scene.of(Signature).create(name="Text", signature_string=text, docstring="Answer.")
    of_fields = scene.of(Signature).create(name="Fields", docstring="Answer.", **fields)
    assert of_text.content_hash == of_fields.content_hash
    assert of_text.to_class() == dspash.Signature.parse(text, instructions="Answer.")
    assert [field.type for field in of_text.input_fields] == [None, "list[str]", "int"]


def test_the_reference_designs_spellings_are_kept_as_ours(scene: StoredScene) -> None:
    outputs = [{"name": "citations", "type": "{:array, :integer}", "description": "Passage indices used"}]
    made = scene.of(Signature).create(
        name="RAG", inputs=[{"name": "question", "type": "string"}], outputs=outputs
    )
    assert made.to_class().text == 'question: str -> citations: list[int] "Passage indices used"'


REFUSED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    (
        {
            "inputs": [{"name": "a", "type": "list[sting]"}, "b c"],
            "outputs": [{"name": "d", "type": "int", "default": "x"}],
        },
        [
            ("$.inputs[0].type", "field 'a', character 5: 'sting' is no type; did you mean 'string'?"),
            ("$.inputs[1].name", "'b c' cannot name a field"),
            ("$.outputs[0].default", "the default does not fit: int is wanted, this is str"),
        ],
    ),
    ({"inputs": ["a"], "outputs": []}, [("$.outputs", "there is no output field")]),
    ({"inputs": ["a"], "outputs": ["a"]}, [("$", "field 'a': this name occurs twice")]),
    (
        {"signature_string": "a, b: sting -> c"},
        [("$.signature_string", "field 'b', character 6: 'sting' is no type")],
    ),
    ({"signature_string": "a -> b", "inputs": ["a"]}, [("$.signature_string", "says again")]),
    ({}, [("$.outputs", "there is no output field")]),
]


@pytest.mark.parametrize(("given", "problems"), REFUSED, ids=[str(index) for index in range(len(REFUSED))])
def test_every_field_that_does_not_fit_is_named_with_its_character(
    scene: StoredScene, given: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        scene.of(Signature).create(name="Broken", **given)
    found = refused.value.problems
    assert [problem.path for problem in found] == [path for path, _ in problems]
    assert all(said in problem.message for problem, (_, said) in zip(found, problems, strict=True))
    assert scene.of(Signature).count() == 0


def test_a_change_of_one_side_keeps_the_other(scene: StoredScene) -> None:
    made = scene.of(Signature).create(**RAG.to_arguments())
    changed = scene.of(Signature).update(made.id, outputs=["reply"])
    assert changed.input_fields == made.input_fields
    assert changed.docstring == made.docstring
    assert changed.content_hash != made.content_hash
