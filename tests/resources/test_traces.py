"""Traces: an execution is kept as the host saw it, its steps as its worker told them, and neither harms who reads them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.resources.kernel import new_id
from dspash.resources.recording import Redaction
from dspash.resources.recording.redaction import REDACTED
from dspash.resources.trace import Trace
from dspash.resources.tracing import Step, row_of
from dspash.store import Store
from dspash_protocol.trace import MAX_PIECE, MAX_SPANS, MAX_TRACE
from tests.resources.conftest import statements
from tests.resources.executions import NOON, execution, keep, piece, scene_of, span


def tree(step: Step) -> Any:
    return {step.name: [tree(inner) for inner in step.steps]}


def kept_tree(*pieces: Any) -> Step:
    row = row_of(execution(*pieces), "north", Redaction())
    return Trace.model_validate(row).root()


def test_a_kept_execution_is_read_as_it_was(store: Store) -> None:
    scene = scene_of(store)
    told = execution(
        piece(span(2, 1, "lm", "gpt", prompt=[{"role": "user", "content": "Who?"}], response=["She."])),
        piece(span(1, name="hop", type="Predict", outputs={"answer": "She.", "reasoning": "Because."})),
    )
    keep(scene, told)
    with statements(store) as seen:
        record = scene.of(Trace).get(told.id)
        (listed,) = (
            scene.of(Trace).list(filter={"name": "Baleen", "status": "succeeded"}, sort="-duration_s").items
        )
    assert len(seen) == 2
    assert (record.status, record.duration_s, record.lm_tokens) == ("succeeded", 0.5, 7)
    assert record.started_at == NOON - timedelta(seconds=0.5)
    assert (record.inputs, record.outputs, record.error) == ({"question": "Who?"}, {"answer": "She."}, None)
    assert listed == record
    root = record.root()
    assert tree(root) == {"Baleen": [{"hop": [{"gpt": []}]}]}
    hop, lm = list(root.walk())[1:]
    assert hop.facts["reasoning"] == "Because."
    assert lm.facts["prompt"] == [{"role": "user", "content": "Who?"}]
    assert hop.started_at == record.started_at + timedelta(milliseconds=1)
    assert scene.of(Trace).tree(told.id)["steps"][0]["steps"][0]["response"] == ["She."]


def test_the_row_is_what_the_resource_declares() -> None:
    row = row_of(execution(piece(span(1))), "north", Redaction())
    assert set(row) == set(Trace.model_fields)
    Trace.model_validate(row)


def test_a_failed_execution_says_why() -> None:
    row = row_of(
        execution(error={"kind": "timeout", "type": "CallTimeoutError", "message": "late"}),
        "north",
        Redaction(),
    )
    assert (row["status"], row["outputs"], row["error"]["kind"]) == ("failed", None, "timeout")
    assert Trace.model_validate(row).root().failed


def test_a_step_whose_parent_was_never_told_stands_in_the_execution() -> None:
    assert tree(kept_tree(piece(span(3, 2, "lm", "gpt")))) == {"Baleen": [{"gpt": []}]}


@pytest.mark.parametrize(
    "hostile",
    [
        {"spans": None},
        {"spans": "[" * 50_000},
        {"spans": "[]", "dropped": -5},
        {"spans": "[]", "dropped": "many"},
        {"spans": " " * (MAX_PIECE + 1)},
        {"spans": '[{"id":1}]\n[{"id":1,"parent":0,"kind":"tool","name":"x","at_us":0,"took_us":0}]\0'},
        [],
        "spans",
    ],
)
def test_hostile_pieces_leave_the_rest_as_it_is(store: Store, hostile: Any) -> None:
    scene = scene_of(store)
    told = execution(hostile, piece(span(1, name="hop")))
    keep(scene, told)
    record = scene.of(Trace).get(told.id)
    assert tree(record.root()) == {"Baleen": [{"hop": []}]}
    assert record.dropped >= 0


def test_steps_that_are_told_twice_or_beyond_the_most_are_left_out() -> None:
    names = [inner.name for inner in kept_tree(piece(span(1, name="a")), piece(span(1, name="b"))).steps]
    assert names == ["a"]
    many = kept_tree(*(piece(*(span(100 * lot + n + 1) for n in range(100))) for lot in range(25)))
    assert len(list(many.walk())) == MAX_SPANS + 1


def test_times_lie_within_the_execution() -> None:
    root = kept_tree(piece({**span(1), "at_us": 2**53, "took_us": 2**53}))
    (step,) = root.steps
    assert (step.started_at, step.duration_s) == (NOON, 0.0)


def test_a_trace_is_kept_up_to_the_most_it_may_be(store: Store) -> None:
    scene = scene_of(store)
    lots = [piece(span(n + 1, name="x" * 100, inputs={"text": "y" * 15_000})) for n in range(400)]
    told = execution(*lots, inputs={"text": "z" * 1_000_000})
    keep(scene, told)
    record = scene.of(Trace).get(told.id)
    assert len(record.steps) <= MAX_TRACE + 400
    assert record.dropped + len(list(record.root().walk())) == 401
    assert len(json.dumps(record.inputs)) < 21_000


def test_a_very_deep_tree_is_read() -> None:
    deep = kept_tree(*(piece(span(n, n - 1, name=str(n))) for n in range(1, 1_500)))
    told = deep.to_map()
    for _ in range(1_499):
        (told,) = told["steps"]
    assert told["name"] == "1499"


@given(st.text(), st.text(min_size=1))
def test_no_known_secret_is_left(around: str, secret: str) -> None:
    secret = f"{secret}12345678"
    redaction = Redaction([secret])
    held = {"text": f"{around}{secret}{around}", secret: [secret]}
    assert secret not in str(list(_texts(redaction.value(held))))
    written = redaction.json(json.dumps(held, ensure_ascii=False))
    assert secret not in str(list(_texts(json.loads(written))))


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield value


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefghijklmnopqrst",
        "AIza" + "b" * 35,
        "AKIA" + "A" * 16,
        "ghp_" + "c" * 36,
        "hf_" + "d" * 34,
        "xoxb-123456789012",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghij",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_key_is_taken_out(key: str) -> None:
    assert Redaction().text(f"key: {key}, and more") == f"key: {REDACTED}, and more"
    told = execution(piece(span(1, prompt=f"use {key}")), inputs={"key": key})
    row = row_of(told, "north", Redaction())
    assert key not in str(row)
    assert row["inputs"] == {"key": REDACTED}


def test_passwords_in_addresses_are_taken_out() -> None:
    assert Redaction().text("postgresql://ann:pass@host/db") == f"postgresql://{REDACTED}@host/db"


@given(st.text())
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert Redaction([]).text(text) == text or any(
        sign in text for sign in ("://", "sk-", "eyJ", "gh", "xox")
    )


def test_traces_are_only_appended(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, execution())
    assert "destroy" not in {action["name"] for action in scene.domain.describe()["resources"][-1]["actions"]}
    assert scene.of(Trace).count() == 1
    assert scene_of(store, tenant="south").of(Trace).count() == 0
    with pytest.raises(Exception, match="no Trace"):
        scene.of(Trace).get(new_id())
