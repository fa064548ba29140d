"""Row: one example as a file has it."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Row"]


class Row(NamedTuple):
    """The fields of one example, all JSON values, and the line it begins at (of a file without lines, its number)."""

    fields: dict[str, Any]
    line: int
