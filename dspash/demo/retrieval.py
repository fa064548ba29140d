"""Retrieval: passages found by their words, with BM25."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dspash.errors import ConfigurationError

__all__ = ["Passage", "PassageIndex"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A short text and what it is about."""

    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.title} | {self.text}"


class PassageIndex:
    """Passages, ready to be searched; from any thread. Raises ConfigurationError when there is no word in them."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        import bm25s

        self._texts = [str(passage) for passage in passages]
        self._tokens_of = bm25s.tokenize
        tokens = self._tokens_of(self._texts, return_ids=False, show_progress=False)
        if not any(tokens):
            problem = f"{len(self._texts)} passages hold no word to search for"
            raise ConfigurationError("passages", problem, "give passages with text")
        self._index = bm25s.BM25()
        self._index.index(tokens, show_progress=False)

    def __repr__(self) -> str:
        return f"PassageIndex({len(self._texts)} passages)"

    def search(self, query: str, k: int = 3) -> list[str]:
        """Find the at most k passages that fit the query's words best, best first, each as "title | text"."""
        import numpy as np

        (words,) = self._tokens_of([query], return_ids=False, show_progress=False)
        if not words:  # nothing but stop words
            return []
        scores = self._index.get_scores(words)
        # A stable sort of all: among equal scores the earlier passage comes first, on every machine.
        best = np.argsort(-scores, kind="stable")[:k]
        return [self._texts[at] for at in best if scores[at] > 0]
