"""What hosts and interpreters say of code: each shape there and back, and what is refused, by its path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash_protocol import InvalidPayloadError, check_value
from dspash_protocol.interpreter import Cell, Outcome, OutcomeKind, ToolAsk
from dspash_protocol.json_text import write_json
from dspash_protocol.long_texts import KEPT_FROM, LongTexts

NAMES = st.lists(st.text(max_size=5)).map(tuple)

CELLS = st.builds(
    Cell,
    code=st.text(),
    variables=st.dictionaries(st.text(max_size=5), st.integers()).map(json.dumps),
    texts=st.dictionaries(st.text(max_size=5), st.text()),
    kept=NAMES,
    tools=NAMES,
    output_fields=st.none() | NAMES,
)


@given(CELLS)
def test_cell_survives_the_wire(cell: Cell) -> None:
    check_value(cell.to_map())
    assert Cell.from_map(cell.to_map()) == cell


@given(st.builds(Outcome, st.sampled_from(OutcomeKind), st.text(), st.text(), st.text()))
def test_outcome_survives_the_wire(outcome: Outcome) -> None:
    assert Outcome.from_map(outcome.to_map()) == outcome


def test_tool_ask_survives_the_wire() -> None:
    ask = ToolAsk(3, "look", "[[], {}]", alone=True)
    assert ToolAsk.from_map(ask.to_map()) == ask


OUTCOME = Outcome(OutcomeKind.VALUE).to_map()
ASK = ToolAsk(3, "look", "[[], {}]", alone=True).to_map()


@pytest.mark.parametrize(
    ("read", "raw", "path"),
    [
        (Cell.from_map, {}, "$.code"),
        (Cell.from_map, {"code": "", "variables": {}}, "$.variables"),
        (Cell.from_map, {"code": "", "texts": {"a": 1}}, "$.texts.a"),
        (Cell.from_map, {"code": "", "kept": "a"}, "$.kept"),
        (Outcome.from_map, {}, "$.kind"),
        (Outcome.from_map, {**OUTCOME, "kind": "won"}, "$.kind"),
        (Outcome.from_map, {**OUTCOME, "value": 1}, "$.value"),
        (Outcome.from_map, {**OUTCOME, "output": None}, "$.output"),
        (ToolAsk.from_map, {**ASK, "call": -1}, "$.call"),
        (ToolAsk.from_map, {**ASK, "call": True}, "$.call"),
        (ToolAsk.from_map, {**ASK, "name": b"x"}, "$.name"),
        (ToolAsk.from_map, {**ASK, "alone": 1}, "$.alone"),
    ],
)
def test_what_is_mistyped_is_refused_by_its_path(read: Any, raw: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidPayloadError) as caught:
        read(raw)
    assert caught.value.path == path


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_json_text_fits_every_message_and_reads_back(value: Any) -> None:
    text = write_json(value)
    check_value(text)
    assert json.loads(text) == value


def test_json_text_writes_what_no_message_takes() -> None:
    assert write_json("é\ud800") == '"é\\ud800"'
    assert json.loads(write_json("é\ud800")) == "é\ud800"
    assert write_json({1}, default=sorted) == "[1]"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {(): 1}])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        write_json(value)


def test_long_texts_are_sent_once_for_as_long_as_they_are_the_same_object() -> None:
    sent = LongTexts()
    long, short = "x" * KEPT_FROM, "x"
    first = sent.split({"a": long, "b": short, "c": [1], "d": "\ud800"})
    assert (first.rest, first.texts, first.kept) == ({"c": [1], "d": "\ud800"}, {"a": long, "b": short}, ())
    assert sent.split({"a": long}).kept == (), "not noted yet"
    sent.note(first)
    assert sent.split({"a": long, "b": short}).kept == ("a",)
    equal = "".join(list(long))
    assert sent.split({"a": equal, "z": long}).kept == ()
    sent.note(sent.split({"a": equal}))
    assert sent.split({"a": long}).kept == ()
