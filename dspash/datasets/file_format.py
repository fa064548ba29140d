"""FileFormat: which reader a file of examples is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias

from dspash.datasets.csv_table import read_csv
from dspash.datasets.hotpotqa import looks_like_hotpotqa, read_hotpotqa
from dspash.datasets.json_array import read_json_array
from dspash.datasets.json_lines import read_json_lines
from dspash.datasets.parquet import read_parquet
from dspash.datasets.row import Row
from dspash.datasets.source import Source, opened

__all__ = ["SUFFIXES", "FileFormat", "FormatName", "format_in", "format_of", "reader_of"]


class FileFormat(StrEnum):
    """How examples are written down."""

    JSON_LINES = "jsonl"
    JSON = "json"
    HOTPOTQA = "hotpotqa"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"


FormatName: TypeAlias = Literal["jsonl", "json", "hotpotqa", "csv", "tsv", "parquet"]
"""The same, as people write it."""

SUFFIXES: Final = {
    ".jsonl": FileFormat.JSON_LINES,
    ".ndjson": FileFormat.JSON_LINES,
    ".json": FileFormat.JSON,
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.TSV,
    ".parquet": FileFormat.PARQUET,
}
"""What the end of a file's name says; one more, .gz, says that the file is packed."""


def format_of(path: Path) -> FileFormat | None:
    """Return the format that the name says; None where it says none."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def format_in(path: Path, said: FileFormat, *, name: str) -> FileFormat:
    """Return the format of a file whose name says `said`: a JSON file may be one of HotPotQA's, known by its fields.

    Raises InvalidInputError where that cannot be seen.
    """
    if said is not FileFormat.JSON:
        return said
    with opened(path, name=name) as source:
        first = next(read_json_array(source), None)
    return FileFormat.HOTPOTQA if first is not None and looks_like_hotpotqa(first.fields) else said


def reader_of(file_format: FileFormat) -> Callable[[Source], Iterator[Row]]:
    """Return what reads files of that format."""
    return _READERS[file_format]


_READERS: Final[dict[FileFormat, Callable[[Source], Iterator[Row]]]] = {
    FileFormat.JSON_LINES: read_json_lines,
    FileFormat.JSON: read_json_array,
    FileFormat.HOTPOTQA: read_hotpotqa,
    FileFormat.CSV: read_csv,
    FileFormat.TSV: partial(read_csv, delimiter="\t"),
    FileFormat.PARQUET: read_parquet,
}
