"""CSV: a table whose first line names the fields; every cell is text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

from dspash.datasets.refusal import check_fields, unfit
from dspash.datasets.row import Row
from dspash.datasets.source import Source

__all__ = ["read_csv"]

_NO_ROOM: Final = "field larger than field limit"


def read_csv(source: Source, *, delimiter: str = ",") -> Iterator[Row]:
    """Yield the rows as RFC 4180 has them: quoted cells may hold delimiters, quotes and line ends.

    Blank lines hold none. Raises InvalidInputError naming the line, which is the last that a row reaches.
    """
    reader = csv.reader(_text_lines(source), delimiter=delimiter, strict=True)
    names: list[str] = []
    try:
        for cells in reader:
            if not cells:
                continue
            line = reader.line_num
            if not names:
                names = _read_names(cells, source.name, line)
                continue
            if len(cells) != len(names):
                problem = f"it has {len(cells)} cells, the first line names {len(names)} fields"
                raise unfit(source.name, problem, line=line)
            fields = dict(zip(names, cells, strict=True))
            check_fields(fields, source.name, line)
            yield Row(fields, line)
    except csv.Error as error:
        problem = str(error)
        if problem.startswith(_NO_ROOM):
            problem += "; allow more with csv.field_size_limit"
        raise unfit(source.name, f"this is no CSV: {problem}", line=reader.line_num) from None


def _text_lines(source: Source) -> Iterator[str]:
    for line, data in enumerate(source.lines(), start=1):
        try:
            yield data.decode()
        except UnicodeDecodeError as error:
            problem = f"this is no UTF-8: {error.reason} at byte {error.start}"
            raise unfit(source.name, problem, line=line) from None


def _read_names(cells: list[str], file: str, line: int) -> list[str]:
    names = [cell.strip() for cell in cells]
    for number, name in enumerate(names, start=1):
        if not name:
            raise unfit(file, f"field {number} has no name", line=line)
        if name in names[: number - 1]:
            raise unfit(file, f"two fields are called {name!r:.60}", line=line)
    return names
