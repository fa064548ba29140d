"""Definitions: what the opening sentence of a passage says its subject is ("X is a 2011 drama film by …")."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.tokens import STOP_WORDS, read_words

__all__ = ["defined_heads", "tells_life_dates"]

_COPULA: Final = re.compile(r"\s(?:is|was|are|were)\s+(?:an?|the|one of the)\s+", re.IGNORECASE)
_END: Final = re.compile(
    r"[.;:()]|,?\s+(?:who|which|that|whose|where|when|by|from|of|in|on|at|for|to|with|based|located|directed|written|"
    r"produced|founded|created|published|known|starring|set|released|owned|situated|best|and\s+the)\b"
)
_CONJUNCTS: Final = re.compile(r",\s*(?:and\s+)?|\s+and\s+|/")
_LIFE_DATES: Final = re.compile(r"\((?:[^()]*?\b)?(?:1\d|20)\d\d\s*(?:[–—-]|\)|;)")
_LONGEST: Final = 160


@lru_cache(maxsize=256)
def defined_heads(sentence: str) -> frozenset[str]:
    """The nouns, in lower case, for what a sentence says its subject is: {"actor", "singer"} for "was an actor and singer"."""
    match = _COPULA.search(sentence)
    if match is None:
        return frozenset()
    predicate = sentence[match.end() : match.end() + _LONGEST]
    end = _END.search(predicate)
    if end is not None:
        predicate = predicate[: end.start()]
    heads: set[str] = set()
    for conjunct in _CONJUNCTS.split(predicate):
        words = read_words(conjunct)
        nouns = [
            s for s, form in zip(words.stems, words.forms, strict=True) if form.lower() not in STOP_WORDS
        ]
        if nouns:
            heads.add(nouns[-1])
    return frozenset(heads)


def tells_life_dates(sentence: str) -> bool:
    """Whether the sentence gives dates in parentheses after a name, which in prose means birth and death."""
    return _LIFE_DATES.search(sentence) is not None
