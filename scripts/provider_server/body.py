"""Body: reads what clients send as strictly as a provider's own validation, and says where it is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar, cast

from provider_server.refused import RefusedError

__all__ = ["items", "last_text", "only", "optional", "required"]

T = TypeVar("T")


def only(body: Mapping[str, Any], known: Collection[str], place: str = "$") -> None:
    """Raise RefusedError for a key that the wire does not have."""
    for name in body:
        if name not in known:
            raise RefusedError.bad(f"{place}.{name}", "unknown parameter")


def required(body: Mapping[str, Any], name: str, kind: type[T], place: str = "$") -> T:
    """The value of `name`. Raises RefusedError where it is missing or of another kind."""
    if name not in body:
        raise RefusedError.bad(f"{place}.{name}", "missing")
    return _of_kind(body[name], kind, f"{place}.{name}")


def optional(body: Mapping[str, Any], name: str, kind: type[T], default: T, place: str = "$") -> T:
    """The value of `name`, or `default` where it is missing. Raises RefusedError where it is of another kind."""
    return _of_kind(body[name], kind, f"{place}.{name}") if name in body else default


def items(values: list[Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The maps of a list, each with its place. Raises RefusedError for what is no map."""
    for index, value in enumerate(values):
        at = f"{place}[{index}]"
        yield at, cast("dict[str, Any]", _of_kind(value, dict, at))


def last_text(content: Any, place: str, kinds: Collection[str] = ("text",)) -> str:
    """The text of a message: a string, or the joined texts of its parts of these kinds. Raises RefusedError for neither."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RefusedError.bad(place, "neither text nor parts")
    texts: list[str] = []
    for at, part in items(cast("list[Any]", content), place):
        if part.get("type") in kinds:
            texts.append(required(part, "text", str, at))
    return "".join(texts)


def _of_kind(value: Any, kind: type[T], place: str) -> T:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise RefusedError.bad(place, f"{type(value).__name__} where {kind.__name__} is needed")
    return value
