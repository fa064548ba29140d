"""Traces on the wire: what a worker writes a host reads, and nothing that a hostile one writes does any harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dspash_protocol import InvalidPayloadError, check_value
from dspash_protocol.trace import MAX_PIECE, MAX_SPANS, Span, SpanKind, read_spans
from dspash_protocol.trimming import MAX_ITEMS, MAX_TEXT, trimmed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@st.composite
def span_trees(draw: st.DrawFn) -> list[Span]:
    spans: list[Span] = []
    for number in range(1, draw(st.integers(1, 6))):
        facts = draw(
            st.dictionaries(st.sampled_from(["inputs", "outputs", "prompt", "error"]), JSON, max_size=3)
        )
        plain = {name: trimmed(value) for name, value in facts.items() if value is not None}
        spans.append(
            Span(
                number,
                draw(st.integers(0, number - 1)),
                draw(st.sampled_from(list(SpanKind))),
                trimmed(draw(st.text(max_size=20))),
                "",
                draw(st.integers(0, 2**40)),
                draw(st.integers(0, 2**40)),
                plain,
            )
        )
    return spans


@given(span_trees())
def test_what_was_written_is_read(spans: list[Span]) -> None:
    assert read_spans(json.dumps([span.to_map() for span in spans])) == (spans, 0)


@given(st.text() | JSON.map(json.dumps) | st.lists(JSON, max_size=4).map(json.dumps))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        spans, refused = read_spans(text)
    except InvalidPayloadError:
        return
    assert refused >= 0
    for span in spans:
        check_value(span.to_map())


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        b"[]",
        "[" * 100_000,
        f"[{'9' * 10_000}]",
        "[" + " " * MAX_PIECE + "]",
        '["' + "\\ud800" * 1000,
    ],
    ids=["null", "bytes", "deep", "long number", "too long", "unended"],
)
def test_what_is_no_piece_is_refused(hostile: object) -> None:
    with pytest.raises(InvalidPayloadError):
        read_spans(hostile)


def test_no_more_steps_are_read_than_a_call_may_have() -> None:
    text = json.dumps([{"id": 1, "parent": 0, "kind": "lm", "at_us": 0, "took_us": 0}] * (MAX_SPANS + 3))
    spans, refused = read_spans(text.replace(" ", ""))
    assert (len(spans), refused) == (MAX_SPANS, 3)


def test_hostile_texts_and_keys_are_made_fit_for_a_database() -> None:
    text = '[{"id":1,"parent":0,"kind":"lm","name":"a\\u0000b","at_us":0,"took_us":0,"prompt":{"\\ud800\\u0000":"\\udfff"}}]'
    ((span,), _) = read_spans(text)
    assert (span.name, span.facts["prompt"]) == ("a\ufffdb", {"?\ufffd": "?"})


@given(JSON)
@example({"$bytes": "aGk="})
@example({"ключ\0": "\ud800", "k" * 300: ["\0"]})
def test_what_is_trimmed_can_be_sent_and_is_not_trimmed_further(value: Any) -> None:
    once = trimmed(value)
    check_value({"value": once})
    json.dumps(once, allow_nan=False).encode()
    assert trimmed(once) == once


def test_what_is_cut_says_so_and_is_cut_once() -> None:
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    cut = [
        trimmed(value)
        for value in (
            "x" * (MAX_TEXT + 1),
            list(range(MAX_ITEMS + 2)),
            {str(number): number for number in range(MAX_ITEMS + 2)},
            {"k" * 1000: 1},
            deep,
        )
    ]
    text, items, entries, key, levels = cut
    assert (len(text), text[-20:]) == (MAX_TEXT, f"… ({MAX_TEXT + 1} characters)"[-20:])
    assert items[-2:] == [MAX_ITEMS - 2, "… (3 more)"]
    assert (len(entries), entries["…"]) == (MAX_ITEMS, "… (3 more)")
    assert key == {"k" * 199 + "…": 1}
    assert "<1 entries>" in json.dumps(levels)
    assert [trimmed(value) for value in cut] == cut
