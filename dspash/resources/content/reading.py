"""Reading: plain values from outside, taken apart with the place of whatever does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from dspash.resources.content.errors import ContentError
from dspash_protocol.signature import closest

__all__ = ["list_in", "map_in", "refuse_unknown", "text_in"]


def map_in(raw: object, path: str) -> dict[str, Any]:
    """A map with texts for keys. Raises ContentError for anything else."""
    if not isinstance(raw, Mapping) or not all(
        isinstance(key, str) for key in cast("Mapping[Any, Any]", raw)
    ):
        kind = type(cast("object", raw)).__name__
        raise ContentError(path, f"{kind} is no map of texts", "give a map")
    return dict(cast("Mapping[str, Any]", raw))


def list_in(given: Mapping[str, Any], key: str, path: str) -> list[Any]:
    """The list under `key`; empty when there is none. Raises ContentError for anything else."""
    raw = given.get(key, [])
    if not isinstance(raw, list | tuple):
        raise ContentError(f"{path}.{key}", f"{type(raw).__name__} is no list", "give a list")
    return list(cast("Sequence[Any]", raw))


def text_in(given: Mapping[str, Any], key: str, path: str, *, default: str | None = None) -> str:
    """The text under `key`. Raises ContentError when it is missing without a `default`, or no text."""
    raw = given.get(key, default)
    if raw is None:
        raise ContentError(f"{path}.{key}", "it is missing", "give a text")
    if not isinstance(raw, str):
        raise ContentError(f"{path}.{key}", f"{type(raw).__name__} is no text", "give a text")
    return raw


def refuse_unknown(given: Mapping[str, Any], known: Sequence[str], path: str) -> None:
    """Raise ContentError for a key that is none of the `known`."""
    for key in given:
        if key not in known:
            near = closest(key, known) or f"there are {', '.join(known)}"
            raise ContentError(f"{path}.{key}", "no such key is known", near)
