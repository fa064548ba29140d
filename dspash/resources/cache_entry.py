"""CacheEntry: one answer of a language model, kept for equal requests."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import JsonValue

from dspash.resources.kernel import Attribute, Resource, Scene, generic
from dspash.resources.lm.cache_pruning import cache_stats, clear_cache, prune_cache

__all__ = ["CacheEntry"]

MAX_VALUE = 64_000_000  # characters of JSON


class CacheEntry(Resource, table="cache_entries", append_only=True, audited=False):
    """An answer under the key of its request. Of several under one key the newest counts.

    Entries are whole: prompts are not among them, but what a model answered is kept as it came.
    """

    key: Annotated[
        str, Attribute("What equal requests have in common: a hash.", indexed=True, max_length=200)
    ]
    provider: Annotated[str, Attribute("The provider that answered.", max_length=200)]
    model: Annotated[str, Attribute("The model, as its provider knows it.", indexed=True)]
    value: Annotated[JsonValue, Attribute("The response.", max_length=MAX_VALUE)]
    size: Annotated[int, Attribute("Characters of the response as JSON.")]
    expires_at: Annotated[
        datetime | None, Attribute("When it is of no use any more; none: never.", indexed=True)
    ] = None

    @generic
    def stats(scene: Scene) -> dict[str, Any]:
        """How many answers are kept, how many of those have expired, how large they are, and how many a model has."""
        return cache_stats(scene)

    @generic
    def prune(scene: Scene, *, max_entries: int | None = None) -> dict[str, int]:
        """Remove answers that have expired or been replaced, and all but the newest `max_entries`."""
        return {"removed": prune_cache(scene, max_entries)}

    @generic
    def clear(scene: Scene, *, model: str | None = None, key: str | None = None) -> dict[str, int]:
        """Remove all answers, or those of one model or key."""
        return {"removed": clear_cache(scene, model=model, key=key)}
