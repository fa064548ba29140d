"""Querying: what to search for next, from the question and from what the passages have shown so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dspash.gateway.offline.demonyms import DEMONYMS
from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.passage import Passage
from dspash.gateway.offline.question import Question, read_question
from dspash.gateway.offline.reader import Reading
from dspash.gateway.offline.span import Kind, find_spans
from dspash.gateway.offline.task import Field
from dspash.gateway.offline.tokens import STOP_WORDS, bag_of

__all__ = ["next_query", "search_query"]

_TERSE_WORDS: Final = 9
"""Examples' queries of at most this many words, without a question mark, are keywords."""
_SENTENCES: Final = 3
_NAMES: Final = 3
_REST: Final = 6
_SHORTEST_NAME: Final = 3


def search_query(draft: Draft, field: Field) -> str:
    """The field's text. Without examples the question is asked as it stands; examples show whether keywords do."""
    shown = [demo.output_text(field.name) for demo, _ in draft.prompt.demo_values(field.name)]
    terse = bool(shown) and sum(_is_terse(query) for query in shown) * 2 > len(shown)
    question_text = draft.material.question or draft.input_text
    if not draft.material.passages:
        question = read_question(question_text)
        return _keywords(question) if terse else question_text.strip()
    return next_query(draft.reading, terse=terse)


def next_query(reading: Reading, *, terse: bool) -> str:
    """Search for what the best evidence names and no passage is about yet, with what the question still asks of it."""
    question = reading.question
    missing = _unread_options(reading)
    if missing:
        return missing[0]
    names = _unread_names(reading)
    if not names:
        return _keywords(question) if terse else question.text.strip()
    seen = _covered(reading)
    rest = [form for form, s in _content(question) if s not in seen]
    return " ".join([*names[:_NAMES], *rest[:_REST]])


def _is_terse(query: str) -> bool:
    return len(query.split()) <= _TERSE_WORDS and "?" not in query


def _content(question: Question) -> list[tuple[str, str]]:
    words = question.words
    return [
        (form, s) for form, s in zip(words.forms, words.stems, strict=True) if form.lower() not in STOP_WORDS
    ]


def _keywords(question: Question) -> str:
    forms = [form for form, _ in _content(question)]
    return " ".join(forms) or question.text.strip()


def _covered(reading: Reading) -> frozenset[str]:
    """Stems of the question that the best sentences already speak of."""
    bags = [clue.sentence.bag | clue.passage.title_bag for clue in reading.evidence.clues[:_SENTENCES]]
    return frozenset[str]().union(*bags)


def _unread_options(reading: Reading) -> list[str]:
    """The things a question compares that no passage is about yet."""
    question = reading.question
    compared = question.options or (question.names if "both" in question.text.lower().split() else ())
    return [name for name in compared if not _is_about(name, reading.passages)]


def _unread_names(reading: Reading) -> list[str]:
    """Names in the best sentences that the question does not contain and that no passage is about, best first."""
    titles = {passage.name.lower() for passage in reading.passages}
    bag = reading.question.bag
    found: dict[str, float] = {}
    for rank, clue in enumerate(reading.evidence.clues[:_SENTENCES]):
        for span in find_spans(clue.sentence.text):
            if span.kind not in {Kind.NAME, Kind.QUOTED} or len(span.text) < _SHORTEST_NAME:
                continue
            if span.text.lower() in titles or span.text in DEMONYMS:
                continue
            new = [s for s in span.stems if s not in STOP_WORDS and s not in bag]
            if not new or _is_about(span.text, reading.passages):
                continue
            found[span.text] = max(
                found.get(span.text, 0.0), clue.total / (1 + rank) + 0.05 * (span.last - span.first)
            )
    return _without_parts(sorted(found, key=lambda name: -found[name]))


def _is_about(name: str, passages: Sequence[Passage]) -> bool:
    wanted = bag_of(name)
    return any(wanted and wanted <= passage.title_bag for passage in passages)


def _without_parts(names: list[str]) -> list[str]:
    kept: list[str] = []
    for name in names:
        if not any(name in other or other in name for other in kept):
            kept.append(name)
    return kept
