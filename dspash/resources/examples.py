"""Examples: what runs learn from and are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import JsonValue

from dspash.errors import NotFoundError
from dspash.resources.content import json_of, wire_of
from dspash.resources.kernel import Scene
from dspash.resources.refusal import refused, refusing

__all__ = ["ExampleSource", "Examples", "FoundExamples", "examples_from", "examples_of"]

Examples: TypeAlias = list[dict[str, JsonValue]]
"""Maps of inputs and expected outputs."""

ExampleSource: TypeAlias = Examples | str
"""Examples, or the name of a dataset that has them: all of it (`hotpotqa`), or one of its sets (`hotpotqa/train`)."""


def examples_of(given: Examples, path: str) -> list[Any]:
    """The examples, with at least one. Raises InvalidInputError about `path`."""
    if not given:
        raise refused(path, "has no examples")
    with refusing(path):
        wire_of(json_of(given))  # they can be kept, and be sent when they are needed
    return list(given)


@dataclass(frozen=True, slots=True)
class FoundExamples:
    """Examples, and the data set, or that set of it, that they are all of; None where they were given as they are."""

    rows: list[Any]
    dataset_id: UUID | None = None
    split: str | None = None

    def source_values(self) -> dict[str, UUID | str | None]:
        """Where they are from, as attributes of a run."""
        return {"dataset_id": self.dataset_id, "split": self.split}


def examples_from(scene: Scene, given: ExampleSource, path: str) -> FoundExamples:
    """The same from either source. Raises InvalidInputError, and NotFoundError for a dataset that is not there."""
    if not isinstance(given, str):
        return FoundExamples(examples_of(given, path))
    from dspash.resources.dataset import Dataset

    datasets = scene.of(Dataset)
    split = None
    try:
        dataset = datasets.get(given)
    except NotFoundError:
        name, slash, split = given.rpartition("/")
        if not slash:
            raise
        dataset = datasets.get(name)
    return FoundExamples(examples_of(datasets.rows(dataset, split=split), path), dataset.id, split)
