"""Alternatives: the two things a question chooses between."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["find_alternatives"]

_EITHER: Final = re.compile(
    r"(?P<first>[^,?]{1,200}?),?\s+or\s+(?:the\s+)?(?P<second>[^,?]{1,200}?)\s*(?:\?|,|$)"
)
_BOTH: Final = re.compile(
    r"(?:\b[Ww]h(?:ich|o),?\s+of|^Of|\b[Bb]etween)\s+(?P<first>[^,?]{1,200}?)\s+and\s+(?P<second>[^,?]{1,200}?)"
    r"(?:\s*[?,]|\s+(?:has|have|had|is|was|are|were|did|does)\b|$)"
)
_NAME_TOKEN: Final = r"(?:[A-Z0-9][\w'’&.\-]*|[\"“][^\"”]+[\"”])"
_JOINERS: Final = r"(?:\s+(?:of|the|and|de|la|van|von|du|der|in|on|for|to|&))*"
_NAME: Final = rf"({_NAME_TOKEN}(?:{_JOINERS}\s+{_NAME_TOKEN})*)"
_LAST_NAME: Final = re.compile(rf"(?:the\s+)?{_NAME}\s*(?:\([^)]*\))?\s*$")
_FIRST_NAME: Final = re.compile(rf"\s*{_NAME}")
_OPENER: Final = re.compile(
    r"^(?:Is|Are|Was|Were|Did|Does|Do|Has|Have|Had|Which|Who|What|Whose|Between|Of)\s+(?:of\s+)?(?:the\s+)?"
)
_WRAPPING: Final = ' "“”,'


def find_alternatives(question: str) -> tuple[str, str] | None:
    """The names in "A or B" or "which of A and B", capitalised or quoted; None when there are no two."""
    match = None
    if " or " in question:
        match = _EITHER.search(question)
    if match is None and " and " in question:
        match = _BOTH.search(question)
    if match is None:
        return None
    first = _LAST_NAME.search(_OPENER.sub("", match["first"].strip()))
    second = _FIRST_NAME.match(match["second"])
    if first is None or second is None:
        return None
    return first[1].strip(_WRAPPING), second[1].strip(_WRAPPING)
