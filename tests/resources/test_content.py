"""Content: what is kept of modules and programs, and what makes two of them the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from dspash.resources.content import (
    ContentError,
    Leaf,
    ModuleContent,
    ProgramContent,
    ProgramForm,
    canonical_text,
    content_of,
    hash_of,
    json_of,
    leaves_of,
    signature_of,
    wire_of,
    with_leaf,
)
from tests.resources.contents import program_contents, wire_values

QA = ModuleContent("predict", signature=signature_of("question -> answer", "$"))
PROGRAM = ProgramContent(ProgramForm.FORWARD_FN, "result = self.qa(question=question)", modules=(("qa", QA),))
STATE: dict[str, Any] = {
    "qa": {
        "traces": [],
        "train": [],
        "demos": [{"question": "Who?", "answer": "Ada"}],
        "signature": {
            "instructions": "Answer.",
            "fields": [{"prefix": "Question:", "description": "${question}"}],
        },
        "lm": None,
    }
}


@given(wire_values)
def test_a_wire_value_is_the_same_after_it_was_kept_as_json(value: Any) -> None:
    kept = json.loads(json.dumps(json_of(value)))
    assert canonical_text(wire_of(kept)) == canonical_text(value)


@settings(max_examples=30)
@given(program_contents())
def test_a_content_reads_what_it_wrote(content: ProgramContent) -> None:
    kept = json.loads(json.dumps(content.to_map()))
    read = content_of(kept)
    assert read.to_map() == content.to_map()
    assert read.content_hash == content.content_hash


def test_the_hash_is_of_what_is_meant_and_not_of_how_it_is_written() -> None:
    assert hash_of({"b": 1.0, "a": [2]}) == hash_of({"a": (2,), "b": 1})
    spelt = ModuleContent("predict", signature=signature_of("question->answer", "$"))
    assert spelt.content_hash == QA.content_hash
    assert hash_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    "other",
    [
        replace(PROGRAM, text="result = {}"),
        replace(PROGRAM, form=ProgramForm.SOURCE),
        replace(PROGRAM, config={"hops": 2}),
        replace(PROGRAM, modules=(("other", QA),)),
        replace(PROGRAM, modules=(("qa", replace(QA, config={"temperature": 0.7})),)),
        PROGRAM.with_state(STATE),
    ],
)
def test_whatever_may_change_an_answer_changes_the_hash(other: ProgramContent) -> None:
    assert other.content_hash != PROGRAM.content_hash


def test_the_order_of_modules_counts() -> None:
    two = replace(PROGRAM, modules=(("first", QA), ("second", replace(QA, type="chain_of_thought"))))
    assert replace(two, modules=two.modules[::-1]).content_hash != two.content_hash


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ([], "$"),
        ({"form": "poem", "text": ""}, "$.form"),
        ({"form": "source"}, "$.text"),
        ({"form": "source", "text": 3}, "$.text"),
        ({"form": "source", "text": "", "extra": 1}, "$.extra"),
        ({"form": "source", "text": "", "modules": [{"name": "qa"}]}, "$.modules[0].type"),
        (
            {"form": "source", "text": "", "modules": [{"name": "qa", "type": "predict"}] * 2},
            "$.modules[1].name",
        ),
        ({"type": "predict", "signature": "question ->"}, "$.signature"),
        ({"type": "predict", "inner": {"type": 1}}, "$.inner.type"),
        ({"type": "predict", "tools": [{"name": "search", "args": []}]}, "$.tools[0].args"),
        ({"type": "predict", "state": "learned"}, "$.state"),
        ({"type": "predict", "config": {"image": {"$bytes": "…"}}}, "$"),
    ],
)
def test_a_content_that_cannot_be_read_names_the_place(raw: Any, path: str) -> None:
    with pytest.raises(ContentError) as caught:
        content_of(raw)
    assert caught.value.path == path
    assert caught.value.way_out in str(caught.value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [float("nan")]}, "$.a[0]"),
        ({"a": {1: 2}}, "$.a"),
        ([object()], "$[0]"),
        ("\ud800", "$"),
    ],
)
def test_what_is_no_json_value_is_refused_with_its_place(value: Any, path: str) -> None:
    with pytest.raises(ContentError) as caught:
        json_of(value)
    assert caught.value.path == path


def test_nesting_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ContentError, match="deeper than 100"):
        canonical_text(endless)


def test_a_leaf_can_be_edited_and_nothing_else_changes() -> None:
    (leaf,) = leaves_of(STATE)
    assert (leaf.name, leaf.instructions, leaf.demos) == ("qa", "Answer.", (STATE["qa"]["demos"][0],))
    edited = with_leaf(STATE, replace(leaf, instructions="Answer in one word.", demos=()))
    assert edited["qa"]["signature"] == {**STATE["qa"]["signature"], "instructions": "Answer in one word."}
    assert edited["qa"]["demos"] == []
    assert STATE["qa"]["demos"]
    with pytest.raises(ContentError, match="there are qa"):
        with_leaf(STATE, Leaf("other", "", ()))


def test_what_is_no_predictor_is_no_leaf() -> None:
    assert leaves_of(None) == ()
    assert leaves_of({"metadata": {"dspy": "3.4"}}) == ()
