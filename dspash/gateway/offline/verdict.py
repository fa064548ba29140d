"""Verdicts: which of two things a question names is meant, and whether what it asks is so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dspash.gateway.offline.demonyms import DEMONYMS
from dspash.gateway.offline.passage import Passage, Sentence
from dspash.gateway.offline.question import Question
from dspash.gateway.offline.tokens import bag_of

__all__ = ["Verdict", "choose_option", "decide"]

_LATER: Final = re.compile(
    r"\b(?:later|latest|last|younger|youngest|newer|newest|more recent(?:ly)?|after)\b", re.IGNORECASE
)
_EARLIER: Final = re.compile(
    r"\b(?:first|earlier|earliest|older|oldest|before|sooner|longer ago|senior)\b", re.IGNORECASE
)
_MORE: Final = re.compile(
    r"\b(?:more|most|larger|largest|bigger|biggest|higher|highest|longer|longest|taller|tallest|greater|deeper|heavier|"
    r"wider|faster|further|farther)\b",
    re.IGNORECASE,
)
_LESS: Final = re.compile(
    r"\b(?:fewer|fewest|less|least|smaller|smallest|lower|lowest|shorter|shortest|slower|lighter|nearer|closer)\b",
    re.IGNORECASE,
)
_YEAR: Final = re.compile(r"\b(?:1\d|20)\d\d\b")
_NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])")
_SAME: Final = re.compile(r"\b(?:same|both|also|common|share)\b", re.IGNORECASE)
_NEGATION: Final = re.compile(r"\b(?:not|never|no longer|neither|nor|without|failed)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What was decided, how sure that is (0 to 1), and the sentences it rests on."""

    text: str
    confidence: float
    grounds: tuple[Sentence, ...]


def choose_option(question: Question, passages: Sequence[Passage]) -> Verdict:
    """Choose between the two options a question names: by date, by quantity, or by which fits the rest better."""
    first, second = question.options
    pages = [_page_of(option, passages) for option in (first, second)]
    ask = question.text
    if None in pages:
        known = next((i for i, page in enumerate(pages) if page is not None), 0)
        return Verdict((first, second)[known], 0.5, _grounds(pages))
    figures = _figures(ask, [page for page in pages if page is not None], question)
    if figures is not None and figures[0] != figures[1]:
        wants_low = bool(_EARLIER.search(ask) or _LESS.search(ask)) and not _LATER.search(ask)
        low = 0 if figures[0] < figures[1] else 1
        return Verdict((first, second)[low if wants_low else 1 - low], 0.8, _grounds(pages))
    fits = [_fit(question, page) if page else 0.0 for page in pages]
    better = 0 if fits[0] >= fits[1] else 1
    return Verdict((first, second)[better], 0.5 + min(abs(fits[0] - fits[1]), 0.4), _grounds(pages))


def decide(question: Question, passages: Sequence[Passage]) -> Verdict:
    """Whether what a yes-or-no question asks is so, by the passages about the things it names."""
    pages = [page for page in passages if page.title_bag and bag_of(page.name) <= question.bag]
    if len(pages) >= 2 and _SAME.search(question.text):
        return _decide_same(question, pages[:2])
    named = frozenset[str]().union(*[page.title_bag for page in pages])
    wanted = question.bag - named
    if not wanted:
        return Verdict("yes" if pages else "no", 0.5, ())
    sentences = [sentence for page in (pages or passages) for sentence in page.sentences]
    best = max(sentences, key=lambda sentence: len(sentence.bag & wanted), default=None)
    if best is None:
        return Verdict("no", 0.3, ())
    share = len(best.bag & wanted) / len(wanted)
    holds = share >= 0.5 and bool(_NEGATION.search(best.text)) == bool(_NEGATION.search(question.text))
    return Verdict("yes" if holds else "no", 0.5 + abs(share - 0.5) / 2, (best,))


def _decide_same(question: Question, pages: list[Passage]) -> Verdict:
    """Two subjects said to share something: a nationality, a kind, or the words of the question itself."""
    openings = [page.sentences[0] for page in pages if page.sentences]
    grounds = tuple(openings)
    if len(openings) < 2:
        return Verdict("no", 0.3, grounds)
    named = frozenset[str]().union(*[page.title_bag for page in pages])
    nations = [
        {word for word in opening.text.replace("–", "-").split() if word in DEMONYMS} for opening in openings
    ]
    if "nation" in question.bag or "country" in question.text.lower():
        return Verdict("yes" if nations[0] & nations[1] else "no", 0.8, grounds)
    wanted = question.bag - named - {"same", "both", "share", "common"}
    texts = [frozenset[str]().union(*[sentence.bag for sentence in page.sentences]) for page in pages]
    if wanted:
        share = min(len(wanted & text) / len(wanted) for text in texts)
        if share >= 0.5:
            return Verdict("yes", 0.5 + share / 3, grounds)
    alike = bool(pages[0].heads & pages[1].heads)
    return Verdict("yes" if alike and not wanted else "no", 0.6, grounds)


def _page_of(option: str, passages: Sequence[Passage]) -> Passage | None:
    """The passage about an option: by its title, else by the option opening the text, else the first to mention it."""
    wanted = bag_of(option)
    lower = option.lower()
    for page in passages:
        if page.name.lower() == lower:
            return page
    for page in passages:
        if wanted and wanted <= page.title_bag:
            return page
    for page in passages:
        if page.sentences and lower in page.sentences[0].text.lower():
            return page
    return next((page for page in passages if any(lower in s.text.lower() for s in page.sentences)), None)


def _figures(ask: str, pages: list[Passage], question: Question) -> tuple[float, float] | None:
    """One number for each page that the comparison turns on: years for time, else the quantity nearest the question."""
    timed = bool(_EARLIER.search(ask) or _LATER.search(ask))
    if not timed and not (_MORE.search(ask) or _LESS.search(ask)):
        return None
    pattern = _YEAR if timed else _NUMBER
    found: list[float] = []
    for page in pages:
        figure = _figure(pattern, page, question)
        if figure is None:
            return None
        found.append(figure)
    return found[0], found[1]


def _figure(pattern: re.Pattern[str], page: Passage, question: Question) -> float | None:
    ranked = sorted(page.sentences, key=lambda s: (-len(s.bag & question.bag), s.position))
    for sentence in ranked:
        match = pattern.search(sentence.text)
        if match is not None:
            return float(match.group().replace(",", "").rstrip("."))
    return None


def _fit(question: Question, page: Passage) -> float:
    """How much of the question, apart from the names in it, the passage covers."""
    wanted = question.bag - page.title_bag
    if not wanted:
        return 0.0
    return max((len(sentence.bag & wanted) / len(wanted) for sentence in page.sentences), default=0.0)


def _grounds(pages: Sequence[Passage | None]) -> tuple[Sentence, ...]:
    return tuple([page.sentences[0] for page in pages if page is not None and page.sentences])
