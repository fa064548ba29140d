"""Nearest examples: which label fits a text best, by its likeness to labelled texts and to the labels' own names."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.tokens import STOP_WORDS, stem

__all__ = ["label_scores"]

_WORD: Final = re.compile(r"[^\W_]+")
_NAME_WEIGHT: Final = 1.5
"""What likeness to a label's name counts for, beside likeness to the nearest example that has the label."""
_PAIR_WEIGHT: Final = 0.5
_GRAM_WEIGHT: Final = 0.15
_GRAM_SIZES: Final = (3, 4)
_LONGEST: Final = 2000
_LONGEST_GRAMS: Final = 400
"""Characters of a text that are cut into letter groups; in longer texts the words tell enough."""

Vector = dict[str, float]


def label_scores(text: str, examples: tuple[tuple[str, str], ...], labels: tuple[str, ...]) -> list[float]:
    """One score for each label, higher fits better.

    Without examples a label is taken at its word: its score is the share of its words that stand in the text. With
    them, it is known which words tell labels apart, and texts are compared by rarity-weighted words, pairs of words
    and letter groups.
    """
    if not examples:
        return _literal_scores(text, labels)
    shortened = tuple([(example[:_LONGEST], label) for example, label in examples])
    return _index(shortened, labels).scores(text[:_LONGEST])


def _literal_scores(text: str, labels: tuple[str, ...]) -> list[float]:
    words = set(_WORD.findall(text[:_LONGEST].lower()))
    scores: list[float] = []
    for label in labels:
        parts = _WORD.findall(label.lower())
        scores.append(sum(part in words for part in parts) / len(parts) if parts else 0.0)
    return scores


class _Index:
    """Example texts and label names as unit vectors over what they are made of."""

    def __init__(self, examples: tuple[tuple[str, str], ...], labels: tuple[str, ...]) -> None:
        counted = [(label, _ingredients(text)) for text, label in examples]
        named = [_ingredients(label) for label in labels]
        spread = Counter[str]()
        for counts in [*[counts for _, counts in counted], *named]:
            spread.update(counts.keys())
        size = len(counted) + len(named)
        self._rarity = {key: math.log(1 + size / count) for key, count in spread.items()}
        self._labels = labels
        self._names = [self._vector(counts) for counts in named]
        self._examples: dict[str, list[Vector]] = {}
        for label, counts in counted:
            self._examples.setdefault(label, []).append(self._vector(counts))

    def scores(self, text: str) -> list[float]:
        """Likeness of `text` to each label: to its nearest example, and to its name."""
        wanted = self._vector(_ingredients(text))
        return [
            max([_dot(wanted, vector) for vector in self._examples.get(label, ())], default=0.0)
            + _NAME_WEIGHT * _dot(wanted, name)
            for label, name in zip(self._labels, self._names, strict=True)
        ]

    def _vector(self, counts: Vector) -> Vector:
        rarity = self._rarity
        vector = {key: count * rarity[key] for key, count in counts.items() if key in rarity}
        norm = math.sqrt(sum([weight * weight for weight in vector.values()]))
        return {key: weight / norm for key, weight in vector.items()} if norm else {}


_index = lru_cache(maxsize=16)(_Index)


def _ingredients(text: str) -> Vector:
    """Stems, pairs of neighbouring stems, and groups of letters, with what each occurrence counts for."""
    stems = [stem(word) for word in _WORD.findall(text.lower()) if word not in STOP_WORDS]
    counts: Vector = {}
    for one in stems:
        counts[one] = 1.0
    for pair in itertools.pairwise(stems):
        counts[" ".join(pair)] = _PAIR_WEIGHT
    joined = " ".join(stems)[:_LONGEST_GRAMS]
    for size in _GRAM_SIZES:
        for i in range(len(joined) - size + 1):
            key = "#" + joined[i : i + size]
            counts[key] = counts.get(key, 0.0) + _GRAM_WEIGHT
    return counts


def _dot(a: Vector, b: Vector) -> float:
    if len(a) > len(b):
        a, b = b, a
    return sum([weight * b[key] for key, weight in a.items() if key in b])
