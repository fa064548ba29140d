"""Overlap: how much a predicted answer shares with the expected one, as SQuAD's and HotPotQA's scorers count it."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from typing import Final

__all__ = ["f1_score"]

_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


def f1_score(expected: str, predicted: str) -> float:
    """Return the harmonic mean of precision and recall over words, from 0 to 1.

    Case, punctuation and English articles do not count; a repeated word counts as often as both have it. Two texts of no
    words score 0, as DSPy has it; SQuAD 2.0 gives that 1.
    """
    wanted, found = Counter(_words(expected)), Counter(_words(predicted))
    if not wanted or not found:
        return 0.0
    return 2 * (wanted & found).total() / (wanted.total() + found.total())


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFD", text).lower().translate(_NO_PUNCTUATION)
    return _ARTICLES.sub(" ", plain).split()
