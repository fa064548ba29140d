"""Fields have the types that were asked for, or the file is refused; of a table of text they are converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dspash.datasets import files_of, read_files
from dspash.errors import InvalidInputError

CELLS: list[tuple[str, str, Any]] = [
    ("int", "12", 12),
    ("int", " -3 ", -3),
    ("float", "1e3", 1000.0),
    ("float", "2", 2),
    ("bool", "True", True),
    ("bool", "false", False),
    ("int | None", "", None),
    ("str | None", "", None),
    ("str", "", ""),
    ("str", "007", "007"),
    ("int | str", "7", "7"),
    ("Literal['a', 1]", "a", "a"),
    ("Literal['a', 1]", "1", 1),
    ("any", "12", "12"),
    ("list[str]", '["x", "y"]', ["x", "y"]),
    ("dict[str, int]", '{"x": 1}', {"x": 1}),
]


@pytest.mark.parametrize(("type_", "cell", "value"), CELLS)
def test_a_cell_is_the_value_it_stands_for(tmp_path: Path, type_: str, cell: str, value: Any) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"q\tx\n?\t{cell}\n")
    (row,) = read_files(files_of(path), types={"x": type_})
    assert row.row.fields == {"q": "?", "x": value}
    assert type(row.row.fields["x"]) is type(value)


@pytest.mark.parametrize(
    ("type_", "cell", "problem"),
    [
        ("int", "1.5", "$.x: int is wanted, this is float"),
        ("int", "", "$.x: int is wanted, this is str"),
        ("float", "NaN", "$.x: float is wanted, this is str"),
        ("bool", "yes", "$.x: bool is wanted, this is str"),
        ("list[int]", '["a"]', "$.x[0]: int is wanted, this is str"),
        ("list[int]", "[1", "$.x: a list is wanted, this is str"),
    ],
)
def test_a_cell_that_stands_for_nothing_of_the_type_is_refused(
    tmp_path: Path, type_: str, cell: str, problem: str
) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"x\ty\n{cell}\t.\n")
    with pytest.raises(InvalidInputError) as refused:
        list(read_files(files_of(path), types={"x": type_}))
    assert f"a.tsv, line 2, {problem}" in str(refused.value)


def test_other_files_are_checked_and_not_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": 1}\n{"x": "1"}\n')
    rows = read_files(files_of(path), types={"x": "int"})
    assert next(rows).row.fields == {"x": 1}
    with pytest.raises(InvalidInputError, match=r"line 2, \$\.x: int is wanted, this is str"):
        next(rows)
    with pytest.raises(InvalidInputError, match=r"line 1, \$\.y: missing"):
        next(read_files(files_of(path), types={"y": "int"}))


def test_a_type_that_is_none_is_refused_by_its_field(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as refused:
        next(read_files(files_of(tmp_path / "a.csv"), types={"x": "list[sting]"}))
    assert refused.value.details == {"path": "$.types.x", "field": "x", "position": 5}
