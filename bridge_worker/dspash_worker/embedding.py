"""Embedding: texts as vectors, for optimizers that look for near examples."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dspash_protocol import FaultError, FaultKind, ReverseCommand
from dspash_worker.current import current_call
from dspash_worker.refusal import invalid, invalid_value, pick, unavailable

__all__ = ["read_embedder"]

WORDS: Final = "words"
_DIMENSIONS: Final = 1024
_WORD: Final = re.compile(r"\w+")


def read_embedder(raw: object, *, full: bool, path: str) -> Callable[[Sequence[str]], Any]:
    """Return a function from texts to a matrix of unit vectors.

    `words` (the default) counts words, in the worker, with no model; `{model: name}` asks the host
    (`lm.embed {model, inputs}` → `{vectors}`). Raises FaultError for anything else.
    """
    if raw is None or raw == WORDS:
        return _embed_words
    if not isinstance(raw, Mapping):
        raise invalid_value(path, f"{WORDS!r} or a map with a model", raw)
    model = pick(raw, "model", str, "a model's name", path=path)
    if model is None:
        raise invalid(f"{path}.model", "missing")
    if not full:
        raise unavailable(
            f"{path}: a plain session has no embedding models", hint=f"use {WORDS!r}", path=path
        )
    return lambda texts: _ask(model, texts)


def _embed_words(texts: Sequence[str]) -> Any:
    """Count words in hashed columns: near texts share words. Stable across processes, unlike Python's hash."""
    import numpy as np  # optional for DSPy, and needed by few optimizers

    vectors = np.zeros((len(texts), _DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in _WORD.findall(text.lower()):
            vectors[row, zlib.crc32(word.encode()) % _DIMENSIONS] += 1
    return _normalised(vectors)


def _ask(model: str, texts: Sequence[str]) -> Any:
    import numpy as np

    answer = current_call().ask(ReverseCommand.LM_EMBED, {"model": model, "inputs": list(texts)})
    try:
        vectors = np.asarray(answer["vectors"], dtype=np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise FaultError.of(FaultKind.LM_ERROR, f"the host's answer holds no vectors: {error!r}") from error
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise FaultError.of(FaultKind.LM_ERROR, f"{len(texts)} texts became vectors of shape {vectors.shape}")
    return _normalised(vectors)


def _normalised(vectors: Any) -> Any:
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)
