"""JournalEntry: one answer that a run was given, so that the run can be repeated."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import JsonValue

from dspash.resources.kernel import Attribute, Resource, Scene, generic
from dspash.resources.lm.removal import remove_where
from dspash.resources.recording.retention import Retention, prune

__all__ = ["JournalEntry"]

MAX_RESPONSE = 64_000_000  # characters of JSON


class JournalEntry(Resource, table="journal_entries", append_only=True, audited=False):
    """What a run was told at one place: the so-manieth of its equal calls.

    It is on the disk before the run is given it: a run that was interrupted is repeated with what it was told then, and
    only asks on where it had stopped.
    """

    run: Annotated[str, Attribute("The optimisation or evaluation.", indexed=True, max_length=200)]
    key: Annotated[
        str, Attribute("What equal requests have in common: a hash.", indexed=True, max_length=200)
    ]
    occurrence: Annotated[int, Attribute("Which of the run's calls of that key, from 0.")]
    provider: Annotated[str, Attribute("The provider that answered.", max_length=200)]
    model: Annotated[str, Attribute("The model, as its provider knows it.", max_length=500)]
    response: Annotated[JsonValue, Attribute("What it answered.", max_length=MAX_RESPONSE)]

    @generic
    def prune(scene: Scene, *, max_age: timedelta | None = None) -> dict[str, int]:
        """Remove what runs were told longer ago than `max_age`: they would ask again."""
        return {"removed": prune(scene, JournalEntry, Retention(max_age, None))}

    @generic
    def forget(scene: Scene, *, run: str) -> dict[str, int]:
        """Remove what one run was told."""
        return {"removed": remove_where(scene, JournalEntry, {"run": run})}
