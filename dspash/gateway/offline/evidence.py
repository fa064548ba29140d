"""Evidence: which sentences of the passages bear on a question, alone or joined through an entity."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dspash.gateway.offline.passage import Passage, Sentence
from dspash.gateway.offline.question import Question
from dspash.gateway.offline.span import Kind, find_spans

__all__ = ["Clue", "Evidence", "gather"]

_PARTNERS: Final = 14
"""Sentences that may be the other half of a two-step argument; more cost time and add only noise."""
_LINK: Final = 0.25
"""Worth of one half naming the other, in units of a fully covered question."""
_UNLINKED: Final = 0.2
"""How much of what an unconnected sentence adds is credited to a sentence."""
_WEAK_LINK: Final = 0.6
"""What a link is worth when a sentence only shares a name with the opening of a passage, beside one that names it."""

_MOST_LINKED: Final = 200
"""Passages that links are looked for among; in longer lists the first ones are the best found."""

_NAMED_BY_QUESTION: Final = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Clue:
    """A sentence and what it is worth, about 0 to 1.

    `own` is how much of the question it covers by itself with its passage's title, `direct` how much of what stands
    close to the question word it covers without the title, `total` what it covers together with its best `partner`.
    """

    passage: Passage
    sentence: Sentence
    own: float
    direct: float
    total: float
    partner: Clue | None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All clues, best first, and how rare each stem of the question is among the passages."""

    clues: tuple[Clue, ...]
    rarity: dict[str, float]


def gather(question: Question, passages: Sequence[Passage]) -> Evidence:
    """Weigh every sentence of `passages` against the question."""
    rarity = _rarity(question, passages)
    whole = sum(rarity.values()) or 1.0
    bit_of = {stem: 1 << i for i, stem in enumerate(rarity)}
    cover = _Cover(list(rarity.values()), whole)
    close = [rarity[stem] * question.closeness.get(stem, 0.0) for stem in rarity]
    direct = _Cover(close, sum(close) or 1.0)
    loose: list[_Loose] = []
    for at, passage in enumerate(passages):
        title_mask = _mask(passage.title_bag, bit_of)
        named = bool(passage.title_bag) and passage.title_bag <= question.bag
        for sentence in passage.sentences:
            mask = _mask(sentence.bag, bit_of)
            own = cover(mask | title_mask) + (_NAMED_BY_QUESTION if named else 0.0)
            loose.append(_Loose(at, passage, sentence, mask | title_mask, own, direct(mask)))
    loose.sort(key=lambda one: -one.own)
    partners = loose[:_PARTNERS]
    links = _links(partners, passages)
    clues = [_clue(one, partners, links, cover) for one in loose]
    clues.sort(key=lambda clue: -clue.total)
    return Evidence(clues=tuple(clues), rarity=rarity)


@dataclass(frozen=True, slots=True, eq=False)
class _Loose:
    at: int
    passage: Passage
    sentence: Sentence
    mask: int
    own: float
    direct: float


class _Cover:
    """The share of the question, by weight, that a mask of its stems covers; each mask is added up once."""

    def __init__(self, weights: list[float], whole: float) -> None:
        self._weights = weights
        self._whole = whole
        self._known: dict[int, float] = {0: 0.0}

    def __call__(self, mask: int) -> float:
        found = self._known.get(mask)
        if found is None:
            found = sum([w for i, w in enumerate(self._weights) if mask >> i & 1]) / self._whole
            self._known[mask] = found
        return found


def _rarity(question: Question, passages: Sequence[Passage]) -> dict[str, float]:
    spread = Counter[str]()
    count = 1
    for passage in passages:
        for sentence in passage.sentences:
            spread.update(sentence.bag & question.weights.keys())
            count += 1
    return {
        stem: weight * math.log(1 + count / (1 + spread[stem])) for stem, weight in question.weights.items()
    }


def _mask(bag: frozenset[str], bit_of: dict[str, int]) -> int:
    mask = 0
    for stem in bag & bit_of.keys():
        mask |= bit_of[stem]
    return mask


def _links(partners: list[_Loose], passages: Sequence[Passage]) -> dict[tuple[int, int], float]:
    """How strongly (sentence a, passage b) are linked: a, by its index in `partners`, names b, or a name of b's opening."""
    found: dict[tuple[int, int], float] = {}
    passages = passages[:_MOST_LINKED]
    openings = [passage.sentences[0].text if passage.sentences else "" for passage in passages]
    for a, one in enumerate(partners):
        text, bag = one.sentence.text, one.sentence.bag
        for name in {span.text for span in find_spans(text) if span.kind is Kind.NAME and len(span.text) > 2}:
            places = [b for b, opening in enumerate(openings) if name in opening and b != one.at]
            if len(places) == 1:  # a name that opens several passages identifies none of them
                found[a, places[0]] = _WEAK_LINK
        for b, passage in enumerate(passages):
            if b != one.at and passage.name and (passage.name in text or passage.title_bag <= bag):
                found[a, b] = 1.0
    return found


def _clue(one: _Loose, partners: list[_Loose], links: dict[tuple[int, int], float], cover: _Cover) -> Clue:
    best, gain = None, 0.0
    at = next((i for i, other in enumerate(partners) if other.sentence is one.sentence), -1)
    for i, other in enumerate(partners):
        if i == at:
            continue
        added = cover(one.mask | other.mask) - cover(one.mask)
        link = max(links.get((i, one.at), 0.0), links.get((at, other.at), 0.0))
        added = link * (added + _LINK) if link else _UNLINKED * added
        if added > gain:
            best, gain = other, added
    partner = Clue(best.passage, best.sentence, best.own, best.direct, best.own, None) if best else None
    return Clue(one.passage, one.sentence, one.own, one.direct, one.own + gain, partner)
