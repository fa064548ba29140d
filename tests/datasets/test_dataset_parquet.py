"""Parquet is read where pyarrow is installed, its values as JSON has them; elsewhere the way to get it is told."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dspash.datasets import files_of, read_files
from dspash.errors import ConfigurationError, InvalidInputError


def written(path: Path, columns: dict[str, list[Any]]) -> Path:
    pyarrow: Any = pytest.importorskip("pyarrow", reason="pyarrow is missing (pip extra dspash[parquet])")
    parquet: Any = pytest.importorskip(
        "pyarrow.parquet", reason="pyarrow is missing (pip extra dspash[parquet])"
    )
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_rows_are_what_was_written(tmp_path: Path) -> None:
    path = written(
        tmp_path / "train-00000-of-00001.parquet",
        {
            "question": ["Who?", None],
            "k": [1, 2],
            "score": [0.5, 1.0],
            "passages": [["a", "b"], []],
            "meta": [{"at": dt.date(2020, 1, 2), "cost": Decimal("1.50")}, None],
        },
    )
    first, second = read_files(files_of(path))
    assert first.row.fields == {
        "question": "Who?",
        "k": 1,
        "score": 0.5,
        "passages": ["a", "b"],
        "meta": {"at": "2020-01-02", "cost": "1.50"},
    }
    assert second.row.fields == {"question": None, "k": 2, "score": 1.0, "passages": [], "meta": None}
    assert [(row.row.line, row.split) for row in (first, second)] == [(1, "train"), (2, "train")]


def test_more_rows_than_are_held_at_a_time_come_in_order(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"k": list(range(1000))})
    assert [row.row.fields["k"] for row in read_files(files_of(path))] == list(range(1000))


def test_a_value_that_cannot_be_kept_is_refused_by_its_row(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"k": [1.0, float("nan")]})
    with pytest.raises(InvalidInputError, match=r"line 2, \$\.k: nan is not a finite number"):
        list(read_files(files_of(path)))


def test_without_pyarrow_the_way_to_get_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigurationError, match=r"pip install 'dspash\[parquet\]'"):
        list(read_files(files_of(tmp_path / "a.parquet")))
