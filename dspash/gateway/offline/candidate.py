"""Candidates: spans of the evidence that may answer a question, each with the features it is judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dspash.gateway.offline.evidence import Clue, Evidence
from dspash.gateway.offline.passage import Passage
from dspash.gateway.offline.question import Asked, Question, asked_by_noun
from dspash.gateway.offline.span import Kind, Span, find_spans
from dspash.gateway.offline.tokens import STOP_WORDS, bag_of, read_words, stem

__all__ = ["DEMONYMS", "FEATURES", "Candidate", "find_candidates"]

FEATURES: Final = (
    "total", "own", "rank", "kind", "near", "anchored", "asked_already", "focus_inside", "focus_described",
    "described_otherwise", "known_kind", "conflict", "is_title", "is_link", "lead", "mentions", "shared", "length",
    "person_like", "place_like", "demonym", "nationality", "defines", "partial",
)  # fmt: skip
"""The names of a candidate's features, in the order of their values."""

_CLUES: Final = 12
_KIND_FIT: Final = {
    Asked.PERSON: {Kind.NAME: 1.0, Kind.QUOTED: 0.2, Kind.PHRASE: 0.1},
    Asked.PLACE: {Kind.NAME: 1.0, Kind.PHRASE: 0.1},
    Asked.DATE: {Kind.DATE: 1.0, Kind.YEAR: 0.7, Kind.NUMBER: 0.1},
    Asked.YEAR: {Kind.YEAR: 1.0, Kind.DATE: 0.1},
    Asked.NUMBER: {Kind.NUMBER: 1.0, Kind.YEAR: 0.2},
    Asked.TITLE: {Kind.QUOTED: 1.0, Kind.NAME: 0.8},
    Asked.NAME: {Kind.NAME: 1.0, Kind.QUOTED: 0.5, Kind.PHRASE: 0.1},
    Asked.NOUN: {Kind.PHRASE: 1.0, Kind.NAME: 0.4, Kind.QUOTED: 0.3},
    Asked.ANY: {Kind.NAME: 0.7, Kind.PHRASE: 0.7, Kind.QUOTED: 0.6, Kind.DATE: 0.2, Kind.NUMBER: 0.2},
    Asked.OPTION: {Kind.NAME: 1.0, Kind.QUOTED: 1.0},
    Asked.YES_NO: {},
}
_LEADS: Final = {
    Asked.PERSON: frozenset({"by", "with", "named", "and"}),
    Asked.PLACE: frozenset({"in", "at", "from", "near", "of", "to", "into", "on"}),
    Asked.DATE: frozenset({"in", "on", "since", "until", "of", "born"}),
    Asked.YEAR: frozenset({"in", "since", "of", "until", "from"}),
    Asked.NOUN: frozenset({"a", "an", "of", "as", "from"}),
}
_DEFINING: Final = frozenset({"a", "an", "is", "was", "are", "were"})
_ORGANISED: Final = frozenset(
    "university college school company inc records limited ltd corporation railway railroad award awards party "
    "league museum festival station airport church theatre theater club band orchestra army navy society institute "
    "association cup championship river lake county street park house hall center centre hospital bank".split()
)
DEMONYMS: Final = frozenset(
    "American British English Scottish Welsh Irish French German Italian Spanish Portuguese Dutch Belgian Swiss "
    "Austrian Danish Swedish Norwegian Finnish Icelandic Polish Czech Slovak Hungarian Romanian Bulgarian Greek "
    "Turkish Russian Ukrainian Serbian Croatian Canadian Mexican Brazilian Argentine Chilean Colombian Peruvian "
    "Cuban Australian Japanese Chinese Korean Indian Pakistani Iranian Israeli Egyptian Nigerian Kenyan European "
    "Asian African Roman Arab Jewish Christian Catholic Muslim".split()
)
"""Words for where people are from; as capitalised as names, and hardly ever the name that is asked for."""

_CONCRETE: Final = frozenset({Asked.PERSON, Asked.PLACE, Asked.TITLE})
_NATIONALITY: Final = stem("nationality")


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A possible answer; `values` are its features in the order of FEATURES."""

    text: str
    kind: Kind
    clue: Clue
    values: tuple[float, ...]


def find_candidates(question: Question, evidence: Evidence, passages: Sequence[Passage]) -> list[Candidate]:
    """Every candidate of the best sentences, and the titles of their passages; the question's own words included."""
    clues = evidence.clues[:_CLUES]
    if not clues:
        return []
    scene = _Scene(question, evidence, clues, passages)
    found: list[Candidate] = []
    titled: set[str] = set()
    for rank, clue in enumerate(clues):
        found.extend([scene.spanned(clue, rank, span) for span in find_spans(clue.sentence.text)])
        name = clue.passage.name
        if name and name not in titled:
            titled.add(name)
            found.append(scene.titled(clue, rank))
    return found


class _Scene:
    """What all candidates of one question are judged against."""

    def __init__(
        self, question: Question, evidence: Evidence, clues: Sequence[Clue], passages: Sequence[Passage]
    ) -> None:
        self._question = question
        self._rarity = evidence.rarity
        self._best_total = max(clues[0].total, 1e-6)
        self._best_own = max(max(clue.own for clue in clues), 1e-6)
        self._lower = [clue.sentence.text.lower() for clue in clues]
        self._subjects = {passage.name.lower(): passage for passage in passages if passage.name}
        self._named = [
            " ".join([sentence.text for sentence in passage.sentences]).lower()
            for passage in passages
            if passage.title_bag and bag_of(passage.name) <= question.bag
        ]
        self._head = question.focus[-1] if question.focus else ""
        self._leads = _LEADS.get(question.asked, frozenset())
        self._fit = _KIND_FIT[question.asked]
        anchors = sorted(question.weights.items(), key=lambda pair: -pair[1])
        self._anchors = {s for s, _ in anchors[:2] if s != self._head}
        self._positions: dict[int, list[tuple[int, float, bool]]] = {}

    def spanned(self, clue: Clue, rank: int, span: Span) -> Candidate:
        """A span of the sentence of `clue`."""
        near, anchored = self._distance(clue, rank, span)
        asked = self._question.asked
        values = (
            *self._standing(clue, rank),
            self._fit.get(span.kind, 0.0),
            near,
            anchored,
            *self._described(span.text, span.stems),
            float(clue.partner is not None and span.text == clue.partner.passage.name),
            self._lead(span),
            *self._spread(span.text),
            min(span.last - span.first, 6) / 6,
            _person_like(span.text) if asked is Asked.PERSON else 0.0,
            _place_like(span) if asked is Asked.PLACE else 0.0,
            *self._demonym(span.text),
            float(span.kind is Kind.PHRASE and clue.sentence.position == 0 and span.lead in _DEFINING),
            float(span.lead in {"and", "of"}),
        )
        return Candidate(span.text, span.kind, clue, values)

    def titled(self, clue: Clue, rank: int) -> Candidate:
        """The subject of the passage that `clue` stands in."""
        name = clue.passage.name
        words = read_words(name)
        values = (
            *self._standing(clue, rank),
            max(self._fit.get(Kind.NAME, 0.0), self._fit.get(Kind.QUOTED, 0.0)),
            0.3,
            0.3,
            *self._described(name, words.stems),
            float(clue.partner is not None),
            0.0,
            *self._spread(name),
            min(len(words), 6) / 6,
            _person_like(name) if self._question.asked is Asked.PERSON else 0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        )
        return Candidate(name, Kind.NAME, clue, values)

    def _standing(self, clue: Clue, rank: int) -> tuple[float, float, float]:
        return clue.total / self._best_total, clue.own / self._best_own, 1.0 / (1 + rank)

    def _described(
        self, text: str, stems: tuple[str, ...]
    ) -> tuple[float, float, float, float, float, float, float]:
        """asked_already, focus_inside, focus_described, described_otherwise, known_kind, conflict, is_title."""
        content = [s for s in stems if s not in STOP_WORDS]
        repeated = sum([s in self._question.bag for s in content]) / len(content) if content else 1.0
        inside = float(bool(self._head) and self._head in stems)
        subject = self._subjects.get(text.lower())
        if subject is None:
            return repeated, inside, 0.0, 0.0, 0.0, 0.0, 0.0
        described = bool(self._head) and self._head in subject.heads
        kinds = _kinds(subject)
        asked = self._question.asked
        conflict = asked in _CONCRETE or asked in {Asked.NAME, Asked.NOUN, Asked.YEAR, Asked.DATE}
        return (
            repeated,
            inside,
            float(described),
            float(bool(self._head) and not described and bool(subject.heads)),
            float(asked in kinds),
            float(conflict and bool(kinds & _CONCRETE) and asked not in kinds),
            1.0,
        )

    def _spread(self, text: str) -> tuple[float, float]:
        """mentions, shared: in how many clues the text stands, and whether in all passages the question names."""
        needle = text.lower()
        mentions = math.log(sum([needle in sentence for sentence in self._lower]) or 1)
        shared = len(self._named) > 1 and all(needle in passage for passage in self._named)
        return mentions, float(shared)

    def _demonym(self, text: str) -> tuple[float, float]:
        is_demonym = text in DEMONYMS
        return float(is_demonym), float(is_demonym and self._head == _NATIONALITY)

    def _lead(self, span: Span) -> float:
        if span.lead in {"(", "–"}:
            return float(("birth" if span.lead == "(" else "death") in self._rarity)
        return float(span.lead in self._leads)

    def _distance(self, clue: Clue, rank: int, span: Span) -> tuple[float, float]:
        """near, anchored: how close the question's words stand, all by weight, and the one that matters most."""
        known = self._positions.get(rank)
        if known is None:
            stems = read_words(clue.sentence.text).stems
            known = [
                (i, self._rarity[s], s in self._anchors) for i, s in enumerate(stems) if s in self._rarity
            ]
            self._positions[rank] = known
        near = whole = anchored = 0.0
        for at, weight, is_anchor in known:
            whole += weight
            if span.first <= at < span.last:
                continue
            closeness = 1.0 / (span.first - at if at < span.first else at - span.last + 1)
            near += weight * closeness / (1 + closeness)
            if is_anchor and closeness > anchored:
                anchored = closeness
        return (near / whole if whole else 0.0), anchored


def _kinds(passage: Passage) -> set[Asked]:
    """What kinds of thing a passage says its subject is; whoever was born is a person."""
    kinds = {kind for kind in map(asked_by_noun, passage.heads) if kind is not None}
    if not kinds & _CONCRETE and passage.sentences and "birth" in passage.sentences[0].bag:
        kinds.add(Asked.PERSON)
    return kinds


def _person_like(text: str) -> float:
    words = text.split()
    if not 1 <= len(words) <= 4 or any(ch.isdigit() for ch in text):
        return 0.0
    if words[-1].lower() in _ORGANISED or any(word.lower() in {"of", "the", "and", "&"} for word in words):
        return 0.0
    return 1.0 if 2 <= len(words) <= 3 else 0.5


def _place_like(span: Span) -> float:
    if span.kind is not Kind.NAME:
        return 0.0
    return 1.0 if ", " in span.text else 0.5 if span.lead in {"in", "at", "near", "from", "of"} else 0.0
