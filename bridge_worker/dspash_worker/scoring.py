"""Scoring: the built-in metrics, as functions of the expected and the predicted value."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

__all__ = ["BUILT_IN", "normalise", "score_passage_match"]

_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


def normalise(value: object) -> str:
    """Return text as SQuAD compares it: lower case, without punctuation, English articles and extra spaces."""
    text = unicodedata.normalize("NFD", value if isinstance(value, str) else str(value)).lower()
    return " ".join(_ARTICLES.sub(" ", text.translate(_PUNCTUATION)).split())


def _exact_match(expected: object, predicted: object) -> float:
    if isinstance(expected, str) or isinstance(predicted, str):
        return float(normalise(expected) == normalise(predicted))
    return float(expected == predicted)


def _f1_score(expected: object, predicted: object) -> float:
    """Return the harmonic mean of precision and recall over words, each counted as often as it occurs."""
    wanted, found = normalise(expected).split(), normalise(predicted).split()
    if not wanted or not found:
        return float(wanted == found)
    same = sum((Counter(wanted) & Counter(found)).values())
    return 2 * same / (len(wanted) + len(found))


def _contains(expected: object, predicted: object) -> float:
    """Whether the expected words stand in the prediction, in one piece."""
    return float(f" {normalise(expected)} " in f" {normalise(predicted)} ")


def _any_of(score: Callable[[object, object], float]) -> Callable[[object, object], float]:
    """Score against the best of several references, where the label is a list and the prediction is not."""

    def best(expected: object, predicted: object) -> float:
        if isinstance(expected, list | tuple) and not isinstance(predicted, list | tuple):
            return max((score(one, predicted) for one in expected), default=0.0)
        return score(expected, predicted)

    return best


BUILT_IN: Final[Mapping[str, Callable[[object, object], float]]] = {
    "exact_match": _any_of(_exact_match),
    "f1_score": _any_of(_f1_score),
    "contains": _any_of(_contains),
}
"""Metrics of one field: (expected, predicted) → score from 0 to 1."""


def score_passage_match(gold: Iterable[Any], cited: Iterable[Any], passages: Iterable[Any]) -> float:
    """Return the share of gold passages that are cited, by themselves or by their index (from 0) in `passages`.

    1 where there is no gold passage.
    """
    texts = list(passages)
    wanted = {normalise(passage) for passage in gold}
    if not wanted:
        return 1.0
    named = {normalise(passage) for passage in cited}
    named |= {normalise(texts[index]) for index in cited if _is_index(index, len(texts))}
    return len(wanted & named) / len(wanted)


def _is_index(value: object, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count
