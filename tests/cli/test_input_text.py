"""InputText: inputs as they are typed, and rows of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from dspash import ConfigurationError
from dspash.cli.input_text import opened_rows, read_inputs


@pytest.mark.parametrize(
    ("typed", "inputs"),
    [
        ([], {}),
        (["question=Who?"], {"question": "Who?"}),
        (["a=1", "b:=1", "c:=[1, 2]", "d="], {"a": "1", "b": 1, "c": [1, 2], "d": ""}),
        (["a=b=c", "d=two\nlines"], {"a": "b=c", "d": "two\nlines"}),
        (["a=null", "b:=null", "c=@@x"], {"a": "null", "b": None, "c": "@x"}),
        (["größe=7"], {"größe": "7"}),
    ],
)
def test_inputs_are_texts_unless_json_is_said(typed: list[str], inputs: dict[str, Any]) -> None:
    assert read_inputs(typed) == inputs


def test_an_input_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text('["a", "b"]')

    name = tmp_path / "notes.json"
    assert read_inputs([f"a:=@{name}", f"b=@{name}"]) == {"a": ["a", "b"], "b": '["a", "b"]'}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["question"], "'question' names no value"),
        (["=x"], "names no value"),
        (["7=x"], "names no value"),
        (["a=1", "a=2"], "given twice"),
        (["a:=["], "no JSON"),
        (["a:=words"], "NAME=TEXT"),
        (["a=@/no/such/file"], "cannot be read"),
    ],
)
def test_what_is_no_input_is_named(typed: list[str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_inputs(typed)


def test_rows_are_maps_one_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"a": 1}\n\n{"a": [2]}'
    (tmp_path / "rows.jsonl").write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))

    for name in [str(tmp_path / "rows.jsonl"), "-"]:
        with opened_rows(name) as rows:
            assert list(rows) == [{"a": 1}, {"a": [2]}]


@pytest.mark.parametrize(
    ("content", "place"),
    [(b'{"a": 1}\n{"a"', ", line 2"), (b"\n[1]", ", line 2"), (b"\xff", ", line 1"), (b"7", ", line 1")],
)
def test_a_row_that_is_none_is_named(tmp_path: Path, content: bytes, place: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(content)

    with pytest.raises(ConfigurationError) as caught, opened_rows(str(tmp_path / "rows.jsonl")) as rows:
        list(rows)

    assert caught.value.path == f"{tmp_path / 'rows.jsonl'}{place}"


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="/no/such/rows"), opened_rows("/no/such/rows"):
        pass
