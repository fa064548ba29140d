"""Reading: the examples of a file or a folder, one after another, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from dspash.datasets.columns import Columns
from dspash.datasets.file_format import FileFormat, reader_of
from dspash.datasets.folder import DataFile
from dspash.datasets.refusal import place_of
from dspash.datasets.row import Row
from dspash.datasets.source import opened

__all__ = ["FileReading", "OnReading", "SplitRow", "read_files"]

ROWS_BETWEEN: Final = 10_000  # two reports: often enough to watch, too rarely to be felt

_TEXTUAL: Final = frozenset({FileFormat.CSV, FileFormat.TSV})


class SplitRow(NamedTuple):
    """A row, the split that its file's name says, and the file; of a row that a caller gave, the argument."""

    row: Row
    split: str | None
    file: str

    def place(self, path: str = "") -> str:
        """Return where it stands, as errors say it; `path` is the place within it, such as `$.answer`."""
        return place_of(self.file, self.row.line, path)


@dataclass(frozen=True, slots=True)
class FileReading:
    """How far reading is: rows until now, and bytes of all files, packed ones as they are."""

    rows: int
    bytes_read: int
    bytes_total: int


OnReading: TypeAlias = Callable[[FileReading], None]


def read_files(
    files: Sequence[DataFile],
    *,
    types: Mapping[str, str] | None = None,
    on_reading: OnReading | None = None,
) -> Iterator[SplitRow]:
    """Yield the rows of all files in their order. `types` are those of Columns.

    `on_reading` is called every 10,000 rows and at the end. Raises InvalidInputError naming file and line.
    """
    columns = Columns(types or {})
    total, before, count = sum(_size_of(file.path) for file in files), 0, 0
    for file in files:
        from_text = file.format in _TEXTUAL
        with opened(file.path, name=file.name) as source:
            for row in reader_of(file.format)(source):
                count += 1
                if on_reading is not None and count % ROWS_BETWEEN == 0:
                    on_reading(FileReading(count, before + source.position, total))
                typed = columns.applied(row, file.name, from_text=from_text) if columns else row
                yield SplitRow(typed, file.split, file.name)
            before += source.size
    if on_reading is not None:
        on_reading(FileReading(count, before, total))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # opening it says what is wrong
