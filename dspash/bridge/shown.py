"""Shown: what a worker has said, as people may be shown it: on a terminal, in a log, in an error's text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["shown_line", "shown_lines", "shown_map", "shown_name"]

_STEERING: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
)
"""Control characters, which terminals obey; what turns the direction of writing; what begins a line; lone surrogates."""

_IN_LINES: Final = re.compile(f"[{_STEERING}]")
_IN_LINE: Final = re.compile(f"[\n{_STEERING}]")
_NAME_CHARACTERS: Final = 80
_MAP_CHARACTERS: Final = 200


def shown_line(text: str) -> str:
    """`text` as one line that steers nothing: such characters are written as Python escapes them."""
    return _IN_LINE.sub(_escaped, text)


def shown_lines(text: str) -> str:
    """The same for text of several lines."""
    return _IN_LINES.sub(_escaped, text)


def shown_name(text: str) -> str:
    """A name as a part of a line: as one line, and cut where it is longer than any name is."""
    line = shown_line(text[: _NAME_CHARACTERS + 1])
    return line if len(text) <= _NAME_CHARACTERS else f"{line[:_NAME_CHARACTERS]}…"


def shown_map(data: Mapping[str, Any]) -> str:
    """The beginning of a map, as Python writes it."""
    return repr(dict(data))[:_MAP_CHARACTERS]


def _escaped(found: re.Match[str]) -> str:
    return ascii(found.group())[1:-1]
