"""Examples: what runs learn from and are judged by."""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import JsonValue

from dspash.resources.refusal import refused

__all__ = ["Examples", "examples_of"]

Examples: TypeAlias = list[dict[str, JsonValue]]
"""Maps of inputs and expected outputs."""


def examples_of(given: Examples, path: str) -> list[Any]:
    """The examples, with at least one. Raises InvalidInputError about `path`."""
    if not given:
        raise refused(path, "has no examples")
    return list(given)
