"""The parts of bm25s that dspash may use; the library ships no types."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

class Tokenized(NamedTuple):
    ids: list[list[int]]
    vocab: dict[str, int]

class Results(NamedTuple):
    documents: npt.NDArray[Any]
    scores: npt.NDArray[np.float32]

class BM25:
    def __init__(
        self,
        k1: float = 1.5,
        b: float = 0.75,
        delta: float = 0.5,
        method: Literal["robertson", "lucene", "atire", "bm25l", "bm25+"] = "lucene",
    ) -> None: ...
    def index(
        self,
        corpus: Tokenized | list[list[str]],
        create_empty_token: bool = True,
        show_progress: bool = True,
        leave_progress: bool = False,
    ) -> None: ...
    def retrieve(
        self,
        query_tokens: Tokenized | list[list[str]],
        corpus: Sequence[Any] | None = None,
        k: int = 10,
        sorted: bool = True,
        *,
        show_progress: bool = True,
        leave_progress: bool = False,
        n_threads: int = 0,
    ) -> Results: ...
    def get_scores(self, query_tokens_single: list[str]) -> npt.NDArray[np.float32]: ...

@overload
def tokenize(
    texts: str | Sequence[str],
    lower: bool = True,
    token_pattern: str = ...,
    stopwords: str | Sequence[str] = "english",
    stemmer: Callable[[list[str]], list[str]] | None = None,
    return_ids: Literal[True] = True,
    show_progress: bool = True,
    leave: bool = False,
    allow_empty: bool = True,
) -> Tokenized: ...
@overload
def tokenize(
    texts: str | Sequence[str],
    lower: bool = True,
    token_pattern: str = ...,
    stopwords: str | Sequence[str] = "english",
    stemmer: Callable[[list[str]], list[str]] | None = None,
    *,
    return_ids: Literal[False],
    show_progress: bool = True,
    leave: bool = False,
    allow_empty: bool = True,
) -> list[list[str]]: ...
