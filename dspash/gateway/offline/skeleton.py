"""Skeletons: nested values as the XML adapter outlines them (`<p><name>...</name><tags><item>...</item></tags></p>`)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Final

from dspash.gateway.offline.shape import TEXT, Flag, Listing, Number, Record, Shape, Slot

__all__ = ["read_skeleton"]

_LONGEST: Final = 20_000
# A skeleton does not say of what type its leaves are; their names often do.
_COUNTED: Final = frozenset(
    "age year years count number quantity amount price cost score rating total size weight height length width "
    "rank index id zip position level percentage probability confidence population duration".split()
)
_FLAGGED: Final = ("is_", "has_", "was_", "can_", "should_", "needs_")


def read_skeleton(text: str) -> Shape | None:
    """The shape that an outline gives; None when it is not one element, or has nothing inside but "...".

    A prompt is not trusted input: outlines carry no declarations, so a text with one, or a very long one, is refused.
    """
    if len(text) > _LONGEST or "<!" in text or "<?" in text:
        return None
    try:
        return _shape(ET.fromstring(text))  # noqa: S314 - no declarations, so no entities to expand
    except (ET.ParseError, RecursionError):
        return None


def _shape(element: ET.Element) -> Shape:
    children = list(element)
    if not children:
        return _leaf(element.tag)
    if [child.tag for child in children] == ["item"]:
        return Listing(_shape(children[0]))
    return Record(tuple([Slot(child.tag, _shape(child)) for child in children]))


def _leaf(name: str) -> Shape:
    if name.startswith(_FLAGGED):
        return Flag()
    if name.lower() in _COUNTED or name.lower().rsplit("_", 1)[-1] in _COUNTED:
        return Number(whole=True)
    return TEXT
