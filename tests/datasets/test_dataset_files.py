"""Files of examples are read row by row, each format as its own, and turned away with file, line and place."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dspash.datasets import FileFormat, FileReading, FormatName, files_of, read_files
from dspash.errors import InvalidInputError

ROWS = [
    {"question": "Who?", "answer": "Ada", "k": 1},
    {"question": "Wo? ä ☂", "answer": None, "k": [1.5, {"a": True}]},
]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def fields_of(path: Path, file_format: FileFormat | None = None) -> list[dict[str, Any]]:
    return [row.row.fields for row in read_files(files_of(path, file_format))]


LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
FILES: list[tuple[str, str | bytes]] = [
    ("a.jsonl", LINES),
    ("a.jsonl", LINES + "\n\n  \n"),
    ("a.ndjson", "\ufeff" + LINES.replace("\n", "\r\n")),
    ("a.JSONL.gz", gzip.compress(LINES.encode(), mtime=0)),
    ("a.json", json.dumps(ROWS)),
    ("a.json", "\ufeff \n[\n" + LINES.replace("\n", " ,\n\n") + "\n]\n"),
    ("a.json.gz", gzip.compress(json.dumps(ROWS, indent=2).encode(), mtime=0)),
]


@pytest.mark.parametrize(("name", "content"), FILES)
def test_rows_are_what_was_written(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert fields_of(written(tmp_path, name, content)) == ROWS


def test_lines_are_those_that_rows_begin_at(tmp_path: Path) -> None:
    lines = written(tmp_path, "a.jsonl", '{"a":1}\n\n{"a":2}\n')
    array = written(tmp_path, "a.json", '[\n{"a":\n1},\n\n {"a":2}]')
    table = written(tmp_path, "a.csv", 'a,b\n1,"x\ny"\n\n2,z\n')
    found = [[row.row.line for row in read_files(files_of(path))] for path in (lines, array, table)]
    assert found == [[1, 3], [2, 5], [3, 5]]


def test_csv_is_read_as_rfc_4180_has_it(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", '\ufeffq, a ,k\r\n"says ""hi"", twice","two\r\nlines",\r\n')
    assert fields_of(path) == [{"q": 'says "hi", twice', "a": "two\r\nlines", "k": ""}]
    assert fields_of(written(tmp_path, "a.tsv", "q\ta\n1,2\t3\n")) == [{"q": "1,2", "a": "3"}]


def test_hotpotqa_is_known_by_its_fields_and_carries_its_gold_passages(tmp_path: Path) -> None:
    entry = {
        "_id": "5a7",
        "question": "Who?",
        "answer": "Ada",
        "type": "bridge",
        "level": "hard",
        "supporting_facts": [["Ada Lovelace", 0], ["Ada Lovelace", 2]],
        "context": [["Ada Lovelace", ["She  wrote.", " Notes."]], ["Other", ["No."]]],
    }
    expected = {
        "question": "Who?",
        "answer": "Ada",
        "passages": ["Ada Lovelace | She wrote. Notes.", "Other | No."],
        "gold_passages": ["Ada Lovelace | She wrote. Notes."],
        "gold_titles": ["Ada Lovelace"],
        "type": "bridge",
        "level": "hard",
        "id": "5a7",
    }
    assert fields_of(written(tmp_path, "dev.json", json.dumps([entry]))) == [expected]
    unlabelled = {"question": "Who?", "context": entry["context"]}
    path = written(tmp_path, "test.json", json.dumps([unlabelled]))
    assert fields_of(path, file_format=FileFormat.HOTPOTQA) == [
        {"question": "Who?", "passages": expected["passages"], "gold_passages": [], "gold_titles": []}
    ]


@pytest.mark.data
def test_the_real_hotpotqa_is_read(shared_data: Path) -> None:
    rows = list(read_files(files_of(shared_data / "hotpotqa")))
    assert [row.split for row in rows] == ["dev"] * 30 + ["train"] * 30
    for row in rows:
        assert 1 <= len(row.row.fields["gold_passages"]) <= len(row.row.fields["passages"]) == 10


BROKEN: list[tuple[str, str | bytes, str, str]] = [
    ("a.jsonl", '{"a":1}\n{"a":}\n', "line 2", "this is no JSON: expected value at column 6"),
    ("a.jsonl", '{"a":1}\n[1]\n', "line 2", "an object of fields is wanted, this is list"),
    ("a.jsonl", "{}\n", "line 1", "an object without fields"),
    ("a.jsonl", '{"a":NaN}', "line 1", "expected value"),
    ("a.jsonl", '{"a":[{"b":1e999}]}', "line 1, $.a[0].b", "inf is not a finite number"),
    ("a.jsonl", '{"a":123456789012345678901}', "line 1, $.a", "an integer wider than 64 bits"),
    ("a.jsonl", '{"a":"\\ud800"}', "line 1", "hex escape"),
    ("a.jsonl", b'{"a":1}\n{"a":"\xff"}\n', "line 2", "invalid unicode"),
    ("a.jsonl", '{"a":' + "[" * 500 + "]" * 500 + "}", "line 1", "recursion limit exceeded"),
    ("a.jsonl", '{"$bytes":"AA=="}', "line 1", "is reserved by the protocol"),
    ("a.jsonl.gz", b"no gzip", "line 1", "it cannot be read: Not a gzipped file"),
    ("a.jsonl.gz", gzip.compress(b'{"a":1}\n' * 99, mtime=0)[:-9], "line", "it cannot be read"),
    ("a.json", '{"data": []}', "line 1", "a list of objects is wanted at column 1"),
    ("a.json", '[{"a":1}\n{"a":2}]', "line 2", "a comma or the end of the list is wanted at column 1"),
    ("a.json", '[{"a":1},\n]', "line 2", "an object is wanted at column 1"),
    ("a.json", '[{"a":1},\n  {"a" 2}]', "line 2", "Expecting ':' delimiter at column 8"),
    ("a.json", '[{"a":1}', "line 1", "a comma or the end of the list is wanted at column 9"),
    ("a.json", '[{"a":"x', "line 1", "Unterminated string"),
    ("a.json", '[{"a":1}]\nx', "line 2", "nothing may follow the list at column 1"),
    ("a.json", "", "line 1", "a list of objects is wanted"),
    ("a.json", "[1]", "line 1", "an object is wanted at column 2"),
    ("a.json", '[{"a":NaN}]', "line 1", "NaN is no JSON number"),
    ("a.json", '[{"a":' + "9" * 5000 + "}]", "line 1", "digits"),
    ("a.json", '[{"a":' + "[" * 200_000, "line 1", "nested too deeply"),
    ("a.json", '[{"a":"\\ud800"}]', "line 1, $.a", "lone surrogate"),
    ("a.json", b'[{"a":1},\n{"a":"\xff"}]', "line 2", "this is no UTF-8: invalid start byte"),
    ("a.csv", "a,b\n1\n", "line 2", "it has 1 cells, the first line names 2 fields"),
    ("a.csv", "a,,b\n1,2,3\n", "line 1", "field 2 has no name"),
    ("a.csv", "a,b,a\n1,2,3\n", "line 1", "two fields are called 'a'"),
    ("a.csv", 'a,b\n1,"x\n', "line 2", "this is no CSV: unexpected end of data"),
    ("a.csv", 'a,b\n1,"x"y\n', "line 2", "this is no CSV: ',' expected after '\"'"),
    ("a.csv", "a\n" + "x" * 200_000, "line 2", "allow more with csv.field_size_limit"),
    ("a.csv", b"a,b\n1,\xff\n", "line 2", "this is no UTF-8: invalid start byte at byte 2"),
    ("a.txt", "x", "a.txt", "its name says no format"),
    ("a.parquet", "x", "a.parquet", ""),
]


@pytest.mark.parametrize(
    ("name", "content", "place", "problem"),
    BROKEN,
    ids=[case[0] + str(index) for index, case in enumerate(BROKEN)],
)
def test_what_cannot_be_read_is_refused_by_file_and_place(
    tmp_path: Path, name: str, content: str | bytes, place: str, problem: str
) -> None:
    if name == "a.parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is missing (pip extra dspash[parquet])")
    path = written(tmp_path, name, content)
    with pytest.raises(InvalidInputError) as refused:
        fields_of(path)
    assert refused.value.path.startswith(str(path))
    assert refused.value.path.endswith(place) or place == "line"
    assert problem in refused.value.message


def test_a_hotpotqa_entry_that_lacks_something_is_refused_by_its_path(tmp_path: Path) -> None:
    entry = {"question": "?", "supporting_facts": [["T", "x"]], "context": [["T", ["s"]]]}
    with pytest.raises(InvalidInputError, match=r"line 1, \$\.supporting_facts\[0\]\[1\]"):
        fields_of(written(tmp_path, "a.json", json.dumps([entry])))


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(InvalidInputError, match="a file is wanted, this is something else"):
        fields_of(tmp_path / "pipe.jsonl")
    with pytest.raises(InvalidInputError, match="there is no such file"):
        fields_of(tmp_path / "missing.jsonl")


def test_a_line_or_item_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dspash.datasets.source.MAX_ITEM", 1000)
    monkeypatch.setattr("dspash.datasets.json_array.MAX_ITEM", 1000)
    monkeypatch.setattr("dspash.datasets.json_array._CHUNK", 100)
    text = '{"a":"' + "x" * 5000 + '"}'
    with pytest.raises(InvalidInputError, match="line 2: it is longer than 1000 bytes"):
        fields_of(written(tmp_path, "a.jsonl", f'{{"a":1}}\n{text}'))
    with pytest.raises(InvalidInputError, match=r"line 1: .*longer than 1000 characters, or not closed"):
        fields_of(written(tmp_path, "a.json", f"[{text}]"))


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ü"]), inner, max_size=3)
    ),
    max_leaves=6,
)
TABLES = st.lists(
    st.dictionaries(st.sampled_from(["q", "a", "k"]), VALUES, min_size=1, max_size=3), max_size=8
)


@given(rows=TABLES, chunk=st.integers(1, 40), indent=st.sampled_from([None, 1]), plain=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_list_is_the_same_however_it_is_cut(
    tmp_path: Path, rows: list[dict[str, Any]], chunk: int, indent: int | None, plain: bool
) -> None:
    path = written(tmp_path, "a.json", json.dumps(rows, indent=indent, ensure_ascii=plain))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dspash.datasets.json_array._CHUNK", chunk)
        assert fields_of(path) == rows


@given(TABLES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_and_lists_of_the_same_rows_are_the_same(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    lines = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))
    array = written(tmp_path, "a.json", json.dumps(rows))
    assert fields_of(lines) == fields_of(array) == rows


@given(st.binary(max_size=200), st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.jsonl.gz"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_rows_or_an_error_that_names_the_file(
    tmp_path: Path, content: bytes, name: str
) -> None:
    path = written(tmp_path, name, content)
    try:
        rows = fields_of(path)
    except InvalidInputError as error:
        assert error.path.startswith(str(path))  # noqa: PT017 - either outcome is right
    else:
        assert all(isinstance(row, Mapping) for row in rows)


def test_reading_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dspash.datasets.reading.ROWS_BETWEEN", 2)
    written(tmp_path, "dev.jsonl", '{"a":1}\n' * 3)
    written(tmp_path, "train.jsonl", '{"a":1}\n' * 2)
    told: list[FileReading] = []
    assert len(list(read_files(files_of(tmp_path), on_reading=told.append))) == 5
    assert [(one.rows, one.bytes_total) for one in told] == [(2, 40), (4, 40), (5, 40)]
    assert told[-1].bytes_read == 40
    assert [one.bytes_read for one in told] == sorted(one.bytes_read for one in told)


def test_a_column_is_right_wherever_the_file_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "a.json", '[\n{"a":1}, {"a":2},   {"a": 3} x]')
    for chunk in range(1, 40):
        monkeypatch.setattr("dspash.datasets.json_array._CHUNK", chunk)
        with pytest.raises(InvalidInputError, match=r"line 2: .*at column 30"):
            fields_of(path)


def test_every_format_can_be_named() -> None:
    assert set(get_args(FormatName)) == {str(one) for one in FileFormat}
