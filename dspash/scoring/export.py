"""Export: the results of an evaluation as a file that other tools read, a row an example."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from dspash.errors import ConfigurationError

__all__ = ["EXPORT_SUFFIXES", "ScoredExample", "write_results"]

EXPORT_SUFFIXES: Final = (".csv", ".jsonl", ".md", ".parquet")

_SHOWN_CHARACTERS: Final = 200  # of a value in Markdown, which is read by people


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredExample:
    """One example, what a program made of it, and what that is worth; `prediction` or `error` is None."""

    index: int
    score: float
    error: str | None
    prediction: Mapping[str, Any] | None
    example: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_map(self) -> dict[str, Any]:
        """As data, nested."""
        return {
            "index": self.index,
            "score": self.score,
            "error": self.error,
            "example": dict(self.example),
            "prediction": None if self.prediction is None else dict(self.prediction),
        }

    def to_row(self) -> dict[str, Any]:
        """As one row: a column for each field, named `example.question` or `prediction.answer`; what is no text, as JSON."""
        row: dict[str, Any] = {"index": self.index, "score": self.score, "error": self.error}
        row |= {f"example.{name}": _cell(value) for name, value in self.example.items()}
        row |= {f"prediction.{name}": _cell(value) for name, value in (self.prediction or {}).items()}
        return row


def write_results(path: str | os.PathLike[str], results: Sequence[ScoredExample]) -> Path:
    """Write the results in the format that the file's name ends in; a file that is there is replaced, whole or not at all.

    Parquet is written by pyarrow. Raises ConfigurationError for another ending, for a place where nothing can be written,
    and where pyarrow is not installed.
    """
    target = Path(path).expanduser()
    match target.suffix.lower():
        case ".csv":
            content = _csv(results)
        case ".jsonl":
            content = "".join(json.dumps(each.to_map(), ensure_ascii=False) + "\n" for each in results)
        case ".md":
            content = _markdown(results)
        case ".parquet":
            content = _parquet(str(target), results)
        case suffix:
            problem = f"{suffix or 'a name without an ending'} is no format of results"
            raise ConfigurationError(str(target), problem, f"end it in one of {', '.join(EXPORT_SUFFIXES)}")
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        try:
            partial.write_bytes(content if isinstance(content, bytes) else content.encode(errors="replace"))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        problem = f"it cannot be written: {error.strerror}"
        raise ConfigurationError(str(target), problem, "name a file in a folder that is there") from None
    return target


def _csv(results: Sequence[ScoredExample]) -> str:
    rows = [each.to_row() for each in results]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _markdown(results: Sequence[ScoredExample]) -> str:
    rows = [each.to_row() for each in results]
    columns = _columns(rows)
    lines = [columns, ["---"] * len(columns), *([_shown(row.get(name)) for name in columns] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _parquet(name: str, results: Sequence[ScoredExample]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        way_out = "install it: pip install 'dspash[parquet]', or end the name in .csv or .jsonl"
        raise ConfigurationError(
            name, "Parquet is written by pyarrow, which is not installed", way_out
        ) from None
    arrow, parquet = cast("Any", pa), cast("Any", pq)
    rows = [each.to_row() for each in results]
    kinds = {"index": arrow.int64(), "score": arrow.float64()}
    columns = _columns(rows)
    table = arrow.table(
        {
            name: arrow.array([row.get(name) for row in rows], kinds.get(name, arrow.string()))
            for name in columns
        }
    )
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """All columns, in the order in which rows bring them: those of the example first."""
    found = dict.fromkeys(name for row in rows for name in row)
    groups = ("index", "score", "error", "example.", "prediction.")
    return sorted(
        found or groups[:3],
        key=lambda name: next(i for i, group in enumerate(groups) if name.startswith(group)),
    )


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else value.encode(errors="replace").decode()
    return json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    short = text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
    for plain, escaped in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;")):
        short = short.replace(plain, escaped)
    return " ".join(short.split())
