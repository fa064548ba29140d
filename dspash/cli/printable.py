"""Printable: text of models and programs, as a terminal may be given it."""

from __future__ import annotations

from typing import Final

__all__ = ["printable"]

_KEPT: Final = "\n\t"
_TURNING: Final = (
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
)  # they have the rest of a line read backwards
_PICTURES: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in _KEPT},  # ␛ for escape, and so on
    **dict.fromkeys((*range(0x7F, 0xA0), *_TURNING), "\ufffd"),
}


def printable(text: str) -> str:
    """The same with pictures for control characters: what a model wrote must not move the cursor or set colours."""
    return text.translate(_PICTURES)
