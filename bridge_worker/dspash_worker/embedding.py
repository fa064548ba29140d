"""Embedding: texts as vectors, for optimizers that look for near examples and for programs with a `dspy.Embedder`."""

from __future__ import annotations

import importlib
import re
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from dspy.clients.errors import error_boundary

from dspash_protocol import FaultError, FaultKind, ReverseCommand
from dspash_worker.client_settings import without_client_settings
from dspash_worker.current import current_call
from dspash_worker.engine import as_lm15_error
from dspash_worker.refusal import invalid, invalid_value, pick, unavailable

__all__ = ["lead_embeddings_to_host", "leave_embeddings_alone", "read_embedder"]

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
    return lambda texts: _normalised(_ask(model, texts, {}))


def _embed_words(texts: Sequence[str]) -> Any:
    """Count words in hashed columns: near texts share words. Stable across processes, unlike Python's hash."""
    import numpy as np  # optional for DSPy, and needed by few optimizers

    vectors = np.zeros((len(texts), _DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in _WORD.findall(text.lower()):
            vectors[row, zlib.crc32(word.encode()) % _DIMENSIONS] += 1
    return _normalised(vectors)


def _ask(model: str, texts: Sequence[str], options: Mapping[str, Any]) -> Any:
    answer = current_call().ask(ReverseCommand.LM_EMBED, _args_of(model, texts, options))
    return _vectors_in(answer, len(texts))


def _args_of(model: str, texts: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    args: dict[str, Any] = {"model": model, "inputs": list(texts)}
    return {**args, "options": dict(options)} if options else args


def _vectors_in(answer: Any, count: int) -> Any:
    """The matrix in what the host has answered for `count` texts."""
    import numpy as np

    try:
        vectors = np.asarray(answer["vectors"], dtype=np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise FaultError.of(FaultKind.LM_ERROR, f"the host's answer holds no vectors: {error!r}") from error
    if vectors.ndim != 2 or len(vectors) != count:
        raise FaultError.of(FaultKind.LM_ERROR, f"{count} texts became vectors of shape {vectors.shape}")
    return vectors


def _normalised(vectors: Any) -> Any:
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)


# --- dspy.Embedder, whose two functions these stand for ---

_EMBEDDING: Final = importlib.import_module("dspy.clients.embedding")
_COMPUTE: Final = "_compute_embeddings"
_ACOMPUTE: Final = "_acompute_embeddings"
_originals: Final = {name: getattr(_EMBEDDING, name) for name in (_COMPUTE, _ACOMPUTE)}


def lead_embeddings_to_host() -> None:
    """From now on a `dspy.Embedder` with a model's name asks the host; one with a function runs that, as ever."""
    setattr(_EMBEDDING, _COMPUTE, _compute)
    setattr(_EMBEDDING, _ACOMPUTE, _acompute)


def leave_embeddings_alone() -> None:
    """From now on it asks by itself, as in a plain session."""
    for name, original in _originals.items():
        setattr(_EMBEDDING, name, original)


def _compute(model: Any, texts: Sequence[str], **options: Any) -> Any:
    if not isinstance(model, str):
        return _originals[_COMPUTE](model, texts, **options)
    with _told_as_dspy_does(model):
        return _ask(model, texts, _told(model, options))


async def _acompute(model: Any, texts: Sequence[str], **options: Any) -> Any:
    if not isinstance(model, str):
        return await _originals[_ACOMPUTE](model, texts, **options)
    with _told_as_dspy_does(model):
        args = _args_of(model, texts, _told(model, options))
        return _vectors_in(await current_call().aask(ReverseCommand.LM_EMBED, args), len(texts))


@contextmanager
def _told_as_dspy_does(model: str) -> Generator[None]:
    """What goes wrong at the host is raised as the errors that programs know of their models."""
    with error_boundary(model):
        try:
            yield
        except (FaultError, ConnectionError) as error:
            raise as_lm15_error(error) from error


def _told(model: str, options: Mapping[str, Any]) -> dict[str, Any]:
    kept = without_client_settings(f"dspy.Embedder({model!r})", options, stacklevel=4)
    return {name: value for name, value in kept.items() if value is not None and name != "caching"}
