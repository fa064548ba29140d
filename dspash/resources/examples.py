"""Examples: what runs learn from and are judged by."""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import JsonValue

from dspash.errors import NotFoundError
from dspash.resources.content import json_of, wire_of
from dspash.resources.kernel import Scene
from dspash.resources.refusal import refused, refusing

__all__ = ["ExampleSource", "Examples", "examples_from", "examples_of"]

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


def examples_from(scene: Scene, given: ExampleSource, path: str) -> list[Any]:
    """The same from either source. Raises InvalidInputError, and NotFoundError for a dataset that is not there."""
    if not isinstance(given, str):
        return examples_of(given, path)
    from dspash.resources.dataset import Dataset

    datasets = scene.of(Dataset)
    name, split = given, None
    try:
        datasets.get(name)
    except NotFoundError:
        name, slash, split = given.rpartition("/")
        if not slash:
            raise
    return examples_of(datasets.rows(name, split=split), path)
