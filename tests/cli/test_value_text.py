"""ValueText: what is typed becomes what the schema asks for, or an error that names the option."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import JsonValue, TypeAdapter

from dspash import ConfigurationError
from dspash.cli.value_text import Schema, read_value_text


def schema_of(annotation: Any) -> Schema:
    form = TypeAdapter(annotation).json_schema()
    return Schema(form, form.get("$defs", {}))


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "7", "7"),
        (str, "null", "null"),
        (str, '"quoted"', '"quoted"'),
        (str, "@@handle", "@handle"),
        (str | None, "null", None),
        (str | None, "text", "text"),
        (Literal["a", "b"], "a", "a"),
        (int, "7", 7),
        (int | None, "null", None),
        (float, "0.5", 0.5),
        (bool, "true", True),
        (list[str], "a, b,c", ["a", "b", "c"]),
        (list[str], '["a,b"]', ["a,b"]),
        (list[str], "", []),
        (str | list[str], "a", ["a"]),
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, JsonValue], '{"a": [1, null]}', {"a": [1, None]}),
        (str | dict[str, str], "text", "text"),
        (str | dict[str, str], '{"a": "b"}', {"a": "b"}),
        (str | dict[str, str], "7", "7"),
        (JsonValue, "7", 7),
        (JsonValue, "words", "words"),
    ],
    ids=str,
)
def test_a_text_is_read_as_its_schema_says(annotation: Any, text: str, value: Any) -> None:
    assert read_value_text(text, schema_of(annotation), place="--x") == value


@pytest.mark.parametrize(
    ("annotation", "text", "told"),
    [
        (int, "many", "whole number"),
        (float, "NaN", "number"),
        (dict[str, str], "{", "JSON"),
        (list[int], "1,2", "JSON"),
        (dict[str, str], "[" * 100_000, "JSON"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_does_not_fit_is_named(annotation: Any, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        read_value_text(text, schema_of(annotation), place="--x")

    assert caught.value.path == "--x"


def test_a_value_can_come_from_a_file_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "value.json"
    file.write_text('{"a": 1}')
    monkeypatch.setattr("sys.stdin", io.StringIO("two\nlines"))

    assert read_value_text(f"@{file}", schema_of(dict[str, int]), place="--x") == {"a": 1}
    assert read_value_text(f"@{file}", schema_of(str), place="--x") == '{"a": 1}'
    assert read_value_text("@-", schema_of(str), place="--x") == "two\nlines"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    for name, told in [("none", "No such file"), ("binary", "no UTF-8"), ("", "Is a directory")]:
        with pytest.raises(ConfigurationError, match=told):
            read_value_text(f"@{tmp_path / name}", schema_of(str), place="--x")


@pytest.mark.parametrize(
    ("annotation", "metavar"),
    [
        (str, "TEXT"), (int, "INTEGER"), (float | None, "NUMBER"), (Literal["a", "b"], "a|b"),
        (list[str], "A,B,…"), (dict[str, str], "JSON"), (list[int], "JSON"), (JsonValue, "JSON"),
    ],
    ids=str,
)  # fmt: skip
def test_help_shows_what_to_give(annotation: Any, metavar: str) -> None:
    assert schema_of(annotation).metavar == metavar
