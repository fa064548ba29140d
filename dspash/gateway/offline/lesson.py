"""Lessons: what an example with passages teaches about telling the right span from the wrong ones."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.candidate import FEATURES, find_candidates
from dspash.gateway.offline.evidence import gather
from dspash.gateway.offline.material import Material
from dspash.gateway.offline.passage import read_passage
from dspash.gateway.offline.question import Asked, read_question
from dspash.gateway.offline.reader import PRIOR

__all__ = ["tuned_weights"]

_STEP: Final = 0.6
"""How far one lesson moves the weights; further lessons move them less, as 1 / sqrt(count)."""
_MOST: Final = 8
_NO_LESSON: Final = (0.0,) * len(FEATURES)


def tuned_weights(taught: Iterable[tuple[Material, str]]) -> tuple[float, ...]:
    """The prior weights, moved by one step of softmax regression on the first examples that have passages."""
    lessons = [_lesson(material, answer) for material, answer in taught if material.passages]
    lessons = [lesson for lesson in lessons[:_MOST] if lesson is not _NO_LESSON]
    if not lessons:
        return PRIOR
    step = _STEP / math.sqrt(len(lessons))
    return tuple(
        [prior + step * sum(moves) for prior, moves in zip(PRIOR, zip(*lessons, strict=True), strict=True)]
    )


@lru_cache(maxsize=128)
def _lesson(material: Material, answer: str) -> tuple[float, ...]:
    """The gradient, at the prior, of the log-likelihood of the spans that equal the example's answer."""
    question = read_question(material.question)
    if question.asked in {Asked.OPTION, Asked.YES_NO}:
        return _NO_LESSON
    read = tuple([read_passage(text) for text in material.passages])
    candidates = find_candidates(question, gather(question, read), read)
    wanted = _plain(answer)
    right = [_plain(candidate.text) == wanted for candidate in candidates]
    if not any(right):
        return _NO_LESSON
    scores = [sum([w * v for w, v in zip(PRIOR, one.values, strict=True)]) for one in candidates]
    top = max(scores)
    odds = [math.exp(score - top) for score in scores]
    all_odds = sum(odds)
    right_odds = sum([odd for odd, is_right in zip(odds, right, strict=True) if is_right])
    gradient = [0.0] * len(FEATURES)
    for one, odd, is_right in zip(candidates, odds, right, strict=True):
        share = (odd / right_odds if is_right else 0.0) - odd / all_odds
        for i, value in enumerate(one.values):
            gradient[i] += share * value
    return tuple(gradient)


def _plain(text: str) -> str:
    return text.lower().strip(string.punctuation + string.whitespace + "“”").removeprefix("the ")
