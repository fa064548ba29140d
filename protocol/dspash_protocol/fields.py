"""Fields: the values of one decoded map, read strictly, each refusal with the path of what it refuses."""

from __future__ import annotations

from typing import Any, Final, cast

from dspash_protocol.errors import InvalidPayloadError
from dspash_protocol.values import WireMap

__all__ = ["Fields"]

_NOUNS: Final[dict[type, str]] = {
    type(None): "missing",
    bool: "a truth value",
    int: "an integer",
    float: "a number",
    str: "text",
    bytes: "bytes",
    list: "a list",
    dict: "a map",
}


class Fields:
    """A map's fields by name. Every method raises InvalidPayloadError when its field is missing or of another type."""

    def __init__(self, raw: WireMap, path: str = "$") -> None:
        self._raw = raw
        self._path = path

    def text(self, name: str) -> str:
        """A text."""
        value = self._raw.get(name)
        if not isinstance(value, str):
            raise self._mistyped(name, value, "text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._raw.get(name)
        if not isinstance(value, list):
            raise self._mistyped(name, value, "a list of texts")
        for place, item in enumerate(cast("list[Any]", value)):
            if not isinstance(item, str):
                raise self._mistyped(f"{name}[{place}]", item, "text")
        return tuple(cast("list[str]", value))

    def text_map(self, name: str) -> dict[str, str]:
        """A map of texts."""
        value = self._raw.get(name)
        if not isinstance(value, dict):
            raise self._mistyped(name, value, "a map of texts")
        for key, item in cast("WireMap", value).items():
            if not isinstance(item, str):
                raise self._mistyped(f"{name}.{key}", item, "text")
        return cast("dict[str, str]", value)

    def count(self, name: str) -> int:
        """A whole number from 0 up."""
        value = self._raw.get(name)
        if type(value) is not int or value < 0:
            raise self._mistyped(name, value, "a whole number from 0 up")
        return value

    def number(self, name: str) -> float:
        """A number from 0 up."""
        value = self._raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self._mistyped(name, value, "a number from 0 up")
        return float(value)

    def flag(self, name: str) -> bool:
        """A truth value."""
        value = self._raw.get(name)
        if not isinstance(value, bool):
            raise self._mistyped(name, value, "true or false")
        return value

    def blob(self, name: str) -> bytes:
        """Bytes."""
        value = self._raw.get(name)
        if not isinstance(value, bytes):
            raise self._mistyped(name, value, "bytes")
        return value

    def blobs(self, name: str) -> tuple[bytes, ...]:
        """A list of bytes."""
        value = self._raw.get(name)
        if not isinstance(value, list):
            raise self._mistyped(name, value, "a list of bytes")
        for place, item in enumerate(cast("list[object]", value)):
            if not isinstance(item, bytes):
                raise self._mistyped(f"{name}[{place}]", item, "bytes")
        return tuple(cast("list[bytes]", value))

    def map(self, name: str) -> Fields:
        """The fields of a map inside."""
        value = self._raw.get(name)
        if not isinstance(value, dict):
            raise self._mistyped(name, value, "a map")
        return Fields(cast("WireMap", value), f"{self._path}.{name}")

    def refuse(self, name: str, problem: str) -> InvalidPayloadError:
        """The error for a field of the right type and a wrong value."""
        return InvalidPayloadError(f"{self._path}.{name}", problem)

    def _mistyped(self, name: str, value: object, wanted: str) -> InvalidPayloadError:
        seen = repr(value) if type(value) in (int, float) else _NOUNS.get(type(value), type(value).__name__)
        return self.refuse(name, f"must be {wanted}, is {seen}")
