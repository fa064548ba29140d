"""Candidates: spans of the evidence that may answer a question, each with the features it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dspash.gateway.offline.asked import Asked, asked_by_noun
from dspash.gateway.offline.demonyms import DEMONYMS
from dspash.gateway.offline.evidence import Clue, Evidence
from dspash.gateway.offline.passage import Passage
from dspash.gateway.offline.question import Question
from dspash.gateway.offline.span import Kind, Span, find_spans
from dspash.gateway.offline.tokens import STOP_WORDS, read_words, stem

__all__ = ["FEATURES", "Candidate", "find_candidates"]

FEATURES: Final = (
    "total", "own", "direct", "kind", "near", "focus_near", "asked_already", "focus_inside",
    "focus_described", "conflict", "is_link", "lead", "same_lead", "person_like", "job_like",
    "led_by_demonym",
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
_NO_LEADS: Final = frozenset[str]()
_JOINING: Final = frozenset({"of", "the", "and", "&"})
_ORGANISED: Final = frozenset(
    "university college school company inc records limited ltd corporation railway railroad award awards party "
    "league museum festival station airport church theatre theater club band orchestra army navy society institute "
    "association cup championship river lake county street park house hall center centre hospital bank mount cape fort "
    "port saint bridge tower castle palace island islands sea ocean prize war battle altarpiece".split()
)
_CONCRETE: Final = frozenset({Asked.PERSON, Asked.PLACE, Asked.TITLE})
_DISPUTED: Final = _CONCRETE | {Asked.NAME, Asked.NOUN, Asked.YEAR, Asked.DATE}
"""Kinds of answer that a person, a place or a work of another kind can hardly be."""

_NATIONALITY: Final = stem("nationality")
_JOBS: Final = frozenset(map(stem, ("job", "role", "career")))
_JOB_ENDINGS: Final = ("er", "or", "ist", "ian", "man", "woman", "ess", "ant", "ier", "eer")


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
    for clue in clues:
        positions = scene.positions(clue)
        found.extend([scene.spanned(clue, span, positions) for span in find_spans(clue.sentence.text)])
        name = clue.passage.name
        if name and name not in titled:
            titled.add(name)
            found.append(scene.titled(clue))
    return found


class _Scene:
    """What all candidates of one question are judged against."""

    def __init__(
        self, question: Question, evidence: Evidence, clues: Sequence[Clue], passages: Sequence[Passage]
    ) -> None:
        self._asked = question.asked
        self._bag = question.bag
        self._question_lead = question.lead
        self._rarity = evidence.rarity
        self._best_total = max(clues[0].total, 1e-6)
        self._best_own = max([1e-6, *[clue.own for clue in clues]])
        self._subjects = {passage.name.lower(): passage for passage in passages if passage.name}
        self._head = question.focus[-1] if question.focus else ""
        self._leads = _LEADS.get(question.asked, _NO_LEADS)
        self._fit = _KIND_FIT[question.asked]

    def positions(self, clue: Clue) -> list[tuple[int, float, str]]:
        """Where the question's words stand in a sentence: index, rarity, stem."""
        stems = read_words(clue.sentence.text).stems
        return [(i, self._rarity[one], one) for i, one in enumerate(stems) if one in self._rarity]

    def spanned(self, clue: Clue, span: Span, positions: list[tuple[int, float, str]]) -> Candidate:
        """A span of the sentence of `clue`."""
        text = span.text
        values = (
            *self._standing(clue),
            self._kind(span),
            *self._distances(span, positions),
            *self._described(text, span.stems),
            float(clue.partner is not None and text == clue.partner.passage.name),
            self._lead(span),
            float(bool(span.lead) and span.lead == self._question_lead),
            _person_like(text) if self._asked is Asked.PERSON else 0.0,
            float(self._head in _JOBS and _job_like(span)),
            float(span.kind is Kind.PHRASE and text.split(maxsplit=1)[0] in DEMONYMS),
        )
        return Candidate(text, span.kind, clue, values)

    def titled(self, clue: Clue) -> Candidate:
        """The subject of the passage that `clue` stands in: close to all that is said of it, beside none of it."""
        name = clue.passage.name
        near, focus_near, lead, same_lead, job_like, led_by_demonym = 0.3, 0.0, 0.0, 0.0, 0.0, 0.0
        values = (
            *self._standing(clue),
            max(self._fit.get(Kind.NAME, 0.0), self._fit.get(Kind.QUOTED, 0.0)),
            near,
            focus_near,
            *self._described(name, read_words(name).stems),
            float(clue.partner is not None),
            lead,
            same_lead,
            _person_like(name) if self._asked is Asked.PERSON else 0.0,
            job_like,
            led_by_demonym,
        )
        return Candidate(name, Kind.NAME, clue, values)

    def _standing(self, clue: Clue) -> tuple[float, float, float]:
        """total, own, direct."""
        return clue.total / self._best_total, clue.own / self._best_own, clue.direct

    def _kind(self, span: Span) -> float:
        is_demonym = span.text in DEMONYMS
        if self._head == _NATIONALITY:
            return float(is_demonym)
        return 0.0 if is_demonym else self._fit.get(span.kind, 0.0)

    def _distances(self, span: Span, positions: list[tuple[int, float, str]]) -> tuple[float, float]:
        """near, focus_near: how close the question's words stand, by weight, and how close its noun stands."""
        near = whole = focused = 0.0
        for at, weight, one in positions:
            whole += weight
            if span.first <= at < span.last:
                continue
            gap = span.first - at if at < span.first else at - span.last + 1
            near += weight / (1 + gap)
            if one == self._head:
                focused = max(focused, 1.0 / gap)
        return (near / whole if whole else 0.0), focused

    def _described(self, text: str, stems: tuple[str, ...]) -> tuple[float, float, float, float]:
        """asked_already, focus_inside, focus_described, conflict."""
        content = [s for s in stems if s not in STOP_WORDS]
        repeated = sum([s in self._bag for s in content]) / len(content) if content else 1.0
        inside = float(bool(self._head) and self._head in stems)
        subject = self._subjects.get(text.lower())
        if subject is None:
            return repeated, inside, 0.0, 0.0
        concrete = bool(subject.kinds & _CONCRETE) and self._asked not in subject.kinds
        return (
            repeated,
            inside,
            float(self._head in subject.heads),
            float(concrete and self._asked in _DISPUTED),
        )

    def _lead(self, span: Span) -> float:
        if span.lead in {"(", "–"}:
            return float(("birth" if span.lead == "(" else "death") in self._rarity)
        return float(span.lead in self._leads)


def _person_like(text: str) -> float:
    words = text.split()
    if not 1 <= len(words) <= 4 or any(ch.isdigit() for ch in text):
        return 0.0
    if {words[0].lower(), words[-1].lower()} & _ORGANISED or {word.lower() for word in words} & _JOINING:
        return 0.0
    return 1.0 if 2 <= len(words) <= 3 else 0.5


def _job_like(span: Span) -> bool:
    last = span.text.rsplit(maxsplit=1)[-1].lower()
    return span.kind is Kind.PHRASE and (last.endswith(_JOB_ENDINGS) or asked_by_noun(last) is Asked.PERSON)
