"""Weight: about how much of the host's memory a value from the wire takes."""

from __future__ import annotations

from typing import Any, Final, cast

__all__ = ["weight_of"]

PARTS: Final = 2_000  # that are looked at: what is in more of them is never light
HEAVY: Final = 1 << 20
_EACH: Final = 64  # bytes, of any object


def weight_of(value: Any) -> int:
    """Bytes, roughly and soon: of a value in very many parts, what the longest message takes."""
    weight, parts = 0, 0
    rest: list[Any] = [value]
    while rest:
        part = rest.pop()
        parts += 1
        weight += _EACH
        if isinstance(part, str | bytes):
            weight += len(part)
        elif isinstance(part, list | dict):
            inside = cast("list[Any] | dict[str, Any]", part)
            if parts + len(rest) + 2 * len(inside) > PARTS:
                return weight + HEAVY
            rest.extend(inside)
            if isinstance(inside, dict):
                rest.extend(inside.values())
    return weight
