"""Retrieval: the passages, and the tool that finds some of them. It runs in the host, not with the program."""

from __future__ import annotations

import functools
import re
from collections import Counter
from math import log
from typing import Final

from rag_baleen.questions import lines_of

__all__ = ["retrieve"]

_WORD: Final = re.compile(r"\w+")


def retrieve(query: str, k: int = 3) -> list[str]:
    """Find the `k` passages that share the rarest words with the query."""
    counted, rarity = _passages()
    wanted = set(_WORD.findall(query.lower()))

    def weight(words: Counter[str]) -> float:
        return sum(rarity[word] for word in wanted if word in words) / (10 + words.total()) ** 0.5

    ranked = sorted(counted, key=lambda passage: weight(counted[passage]), reverse=True)
    return ranked[:k]


@functools.cache
def _passages() -> tuple[dict[str, Counter[str]], dict[str, float]]:
    """The words of each passage, and how rare each word is."""
    texts = [f"{line['title']} | {line['text']}" for line in lines_of("corpus.jsonl")]
    counted = {text: Counter(_WORD.findall(text.lower())) for text in texts}
    found_in = Counter(word for words in counted.values() for word in words)
    return counted, {word: log(len(texts) / count) + 0.1 for word, count in found_in.items()}
