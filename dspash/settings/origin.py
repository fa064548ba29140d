"""Origin: where the value of a setting came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DEFAULT", "Origin", "OriginKind"]


class OriginKind(StrEnum):
    """The kinds of place a value can come from; a later one wins."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class Origin:
    """`place` is what a person would look at to change it: a file with its line, a variable, an option."""

    kind: OriginKind
    place: str = ""

    def __str__(self) -> str:
        return self.place or str(self.kind)


DEFAULT = Origin(OriginKind.DEFAULT)
