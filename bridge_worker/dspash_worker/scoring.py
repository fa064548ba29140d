"""Scoring: the built-in metrics, as functions of the expected and the predicted value."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

__all__ = ["BUILT_IN", "normalise", "score_answer_in_passages", "score_passage_match"]

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
    """Return the harmonic mean of precision and recall over words, each counted as often as it occurs.

    0 where there are no words on either side, as DSPy has it; SQuAD 2.0 gives that 1.
    """
    wanted, found = normalise(expected).split(), normalise(predicted).split()
    if not wanted or not found:
        return 0.0
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


def score_answer_in_passages(expected: object, passages: Iterable[Any]) -> float:
    """Whether the expected answer, or one of several, stands in a passage as its words do in a row; as DSPy compares them."""
    answers = [_tokens(one) for one in (expected if isinstance(expected, list | tuple) else [expected])]
    return float(any(_stands_in(answer, _tokens(passage)) for passage in passages for answer in answers))


def _tokens(text: object) -> list[str]:
    return [token for word in normalise(text).split() for token in _tokens_of_word(word)]


def _tokens_of_word(word: str) -> Iterator[str]:
    """Runs of letters, digits and accents, and every other visible character by itself."""
    if word.isascii() and word.isalnum():
        yield word
        return
    run = ""
    for character in word:
        kind = unicodedata.category(character)[0]
        if kind in "LNM":
            run += character
            continue
        if run:
            yield run
            run = ""
        if kind not in "ZC":
            yield character
    if run:
        yield run


def _stands_in(part: list[str], whole: list[str]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def _is_index(value: object, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count
