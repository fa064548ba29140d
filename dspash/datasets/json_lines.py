"""JSON Lines: one object a line."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import from_json

from dspash.datasets.refusal import check_fields, unfit
from dspash.datasets.row import Row
from dspash.datasets.source import Source

__all__ = ["read_json_lines"]


def read_json_lines(source: Source) -> Iterator[Row]:
    """Yield the rows; blank lines hold none. Raises InvalidInputError naming the line."""
    for line, text in enumerate(source.lines(), start=1):
        if text.isspace():
            continue
        try:
            fields = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            # The parser saw one line and calls it the first.
            problem = str(error).replace("at line 1 column", "at column")
            raise unfit(source.name, f"this is no JSON: {problem}", line=line) from None
        check_fields(fields, source.name, line)
        yield Row(fields, line)
