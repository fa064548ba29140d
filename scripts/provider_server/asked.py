"""Asked: one request as a provider understands it, and what it says to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Asked", "Head", "Said", "ToolUse"]


@dataclass(frozen=True, slots=True)
class Head:
    """The request line and the headers; names of headers in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: the wire it came by, the model, and the last thing a user said."""

    wire: str
    model: str
    text: str
    streams: bool
    body: Mapping[str, Any] = field(repr=False)
    inputs: tuple[str, ...] = ()
    """Texts to be embedded; empty for completions."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that the model wants called."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer; tokens are counted in words, so that a test can count them, too."""

    text: str
    tool_uses: tuple[ToolUse, ...] = ()
    is_cut: bool = False
    input_tokens: int = 0
    output_tokens: int = 0

    @classmethod
    def echo(cls, asked: Asked) -> Said:
        """The text that was asked, said back."""
        return cls.of(asked, f"You said: {asked.text}")

    @classmethod
    def of(cls, asked: Asked, text: str) -> Said:
        """`text`, with the tokens of both sides counted."""
        return cls(text, input_tokens=len(asked.text.split()), output_tokens=len(text.split()))

    def pieces(self) -> list[str]:
        """The text as it is streamed: a word at a time; joined they are the text."""
        words = self.text.split(" ")
        return [word if index == 0 else f" {word}" for index, word in enumerate(words)]
