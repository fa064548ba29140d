"""Files of examples: what does not fit is named, with the file and the place in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter

from dspash import ConfigurationError
from dspash.demo.datafile import read_json, read_json_lines


class Row(BaseModel):
    name: str
    parts: list[tuple[str, int]]


ROWS = TypeAdapter(list[Row])
GOOD = '{"name": "a", "parts": [["x", 1]]}'


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "rows.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_items_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    other = GOOD.replace('"a"', '"b"')

    assert [row.name for row in read_json(written(tmp_path, f"[{GOOD}, {other}]"), ROWS)] == ["a", "b"]
    assert [row.name for row in read_json_lines(written(tmp_path, f"{GOOD}\n\n{other}\r\n"), Row)] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        pytest.param("[", "", "at line 1 column 1", id="cut off"),
        pytest.param(f"[{GOOD},\n{GOOD}", "", "line 2", id="cut off on a later line"),
        pytest.param("{}", "", "array", id="not a list"),
        pytest.param(f'[{GOOD}, {{"parts": []}}]', ", $[1].name", "required", id="missing key"),
        pytest.param('[{"name": 7, "parts": []}]', ", $[0].name", "string", id="wrong type"),
        pytest.param('[{"name": "a", "parts": [["x"]]}]', ", $[0].parts[0][1]", "required", id="nested"),
        pytest.param(
            '[{"name": "a", "parts": [["x", "1"]]}]', ", $[0].parts[0][1]", "integer", id="not coerced"
        ),
        pytest.param('[{"name": 1}, {"name": 2}]', ", $[0].name", "(and 3 more)", id="several"),
        pytest.param(b'[{"name": "\xff", "parts": []}]', "", "line 1 column 12", id="not UTF-8"),
        pytest.param("", "", "EOF", id="empty file"),
        pytest.param("[]", "", "no examples", id="empty list"),
    ],
)
def test_a_json_file_that_does_not_fit_is_named_with_the_place(
    tmp_path: Path, content: str | bytes, place: str, problem: str
) -> None:
    path = written(tmp_path, content)

    with pytest.raises(ConfigurationError) as caught:
        read_json(path, ROWS)

    assert caught.value.path == f"{path}{place}"
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        pytest.param(f"{GOOD}\nnonsense\n", ", line 2", "at column 2", id="no JSON"),
        pytest.param(f"\n\n{GOOD[:-3]}", ", line 3", "EOF", id="cut off after blank lines"),
        pytest.param('{"name": "a"}', ", line 1, $.parts", "required", id="missing key"),
        pytest.param(f"{GOOD}\n[]", ", line 2", "object", id="not an object"),
        pytest.param(" \n\n", "", "no examples", id="only blank lines"),
    ],
)
def test_a_line_that_does_not_fit_is_named_with_its_number(
    tmp_path: Path, content: str, place: str, problem: str
) -> None:
    path = written(tmp_path, content)

    with pytest.raises(ConfigurationError) as caught:
        read_json_lines(path, Row)

    assert caught.value.path == f"{path}{place}"
    assert problem in caught.value.problem


@pytest.mark.parametrize("name", ["absent.json", "."], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name

    for read in (lambda: read_json(path, ROWS), lambda: read_json_lines(path, Row)):
        with pytest.raises(ConfigurationError) as caught:
            read()
        assert caught.value.path == str(path)
