"""Observed: what programs and models said, so that every database keeps it whatever it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

__all__ = ["observed", "observed_text"]

MAX_DEPTH: Final = 40  # levels: what is nested deeper is kept as text
_INTEGERS: Final = range(-(2**63), 2**63)
_REPLACEMENT: Final = "�"


def observed(value: Any, depth: int = MAX_DEPTH) -> Any:
    """The value as JSON that is kept: what no database takes is replaced, as texts with NUL in them are.

    For what is looked at afterwards. What is run again is not changed, but refused where it cannot be kept.
    """
    match value:
        case None | bool():
            return value
        case str():
            return observed_text(value)
        case int():
            return value if value in _INTEGERS else float(value)
        case float():
            return value if value - value == 0 else str(value)  # infinities and NaN are no JSON
        case Mapping() if depth:
            entries = cast("Mapping[Any, Any]", value)
            return {observed_text(str(key)): observed(item, depth - 1) for key, item in entries.items()}
        case list() | tuple() if depth:
            return [observed(item, depth - 1) for item in cast("list[Any]", value)]
        case bytes():
            return f"{len(value)} bytes"
        case _:
            return observed_text(repr(value)[:1000])


def observed_text(text: str) -> str:
    """The text without what PostgreSQL, or UTF-8, does not have."""
    return text.encode(errors="replace").decode().replace("\0", _REPLACEMENT)
