"""Long texts: variables that are text travel as they are, and once for as long as they stay the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dspash_protocol.values import find_problem

__all__ = ["KEPT_FROM", "LongTexts", "Split"]

KEPT_FROM: Final = 1 << 16
"""Characters from which on a text is kept at the other end. A model's loop gives its whole input to every step."""


@dataclass(frozen=True, slots=True)
class Split:
    """The variables of one cell: `texts` are sent as they are, `kept` are there already, `rest` is still to be written."""

    rest: dict[str, Any]
    texts: dict[str, str]
    kept: tuple[str, ...]


class LongTexts:
    """What one interpreter has been sent and keeps: the last long text of each name."""

    def __init__(self) -> None:
        self._sent: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<LongTexts {', '.join(self._sent)}>"

    def split(self, variables: Mapping[str, Any]) -> Split:
        """Sort the variables of a cell. One is kept only if it is the very object that was sent: no text is compared."""
        rest: dict[str, Any] = {}
        texts: dict[str, str] = {}
        kept: list[str] = []
        for name, value in variables.items():
            if type(value) is not str:
                rest[name] = value
            elif self._sent.get(name) is value:
                kept.append(name)
            elif find_problem(value) is None:
                texts[name] = value
            else:
                rest[name] = value  # a lone surrogate: only JSON has a way to write it
        return Split(rest, texts, tuple(kept))

    def note(self, split: Split) -> None:
        """The cell has been taken, and what is long enough is kept there now."""
        self._sent.update({name: text for name, text in split.texts.items() if len(text) >= KEPT_FROM})
