"""Results are written in the format that the file's name asks for, and can be read back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, cast

import pytest

import dspash
from dspash.scoring import ScoredExample, write_results

RESULTS = [
    ScoredExample(
        index=0,
        score=1.0,
        error=None,
        prediction={"answer": "a|b\n<i>", "facts": ["x", 2]},
        example={"question": "Who, “Ada”?", "answer": "a|b"},
    ),
    ScoredExample(index=1, score=0.0, error="division by zero", prediction=None, example={"question": "2"}),
]
COLUMNS = [
    "index",
    "score",
    "error",
    "example.question",
    "example.answer",
    "prediction.answer",
    "prediction.facts",
]


def test_csv_is_read_back(tmp_path: Path) -> None:
    path = write_results(tmp_path / "results.csv", RESULTS)
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert reader.fieldnames == COLUMNS
    assert (rows[0]["prediction.answer"], rows[0]["prediction.facts"]) == ("a|b\n<i>", '["x", 2]')
    assert (rows[1]["error"], rows[1]["prediction.answer"]) == ("division by zero", "")


def test_json_lines_keep_what_is_nested(tmp_path: Path) -> None:
    path = write_results(tmp_path / "results.jsonl", RESULTS)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [each.to_map() for each in RESULTS]


def test_parquet_has_columns_of_their_types(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table = cast("Any", pq).read_table(write_results(tmp_path / "results.parquet", RESULTS))
    assert table.column_names == COLUMNS
    assert table.column("score").to_pylist() == [1.0, 0.0]
    assert table.column("prediction.answer").to_pylist() == ["a|b\n<i>", None]


def test_markdown_is_one_table_whatever_is_in_it(tmp_path: Path) -> None:
    lines = write_results(tmp_path / "results.md", RESULTS).read_text().splitlines()
    assert len(lines) == 4
    assert "a\\|b &lt;i>" in lines[2]
    assert lines[3].startswith("| 1 | 0 | division by zero |")


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("before")
    write_results(path, [])
    assert path.read_text() == "index,score,error\n"
    assert [each.name for each in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize(("name", "told"), [("results.xlsx", ".csv, .jsonl"), ("none/results.csv", "folder")])
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(dspash.ConfigurationError, match=told):
        write_results(tmp_path / name, RESULTS)
