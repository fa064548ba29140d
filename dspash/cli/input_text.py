"""InputText: a program's inputs as they are typed, or one row of them a line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from dspash.cli.value_text import Schema, read_value_text
from dspash.errors import ConfigurationError

__all__ = ["INPUT_FORM", "STDIN", "opened_rows", "read_inputs"]

INPUT_FORM: Final = "NAME=TEXT, or NAME:=JSON; @FILE stands for what a file says"
STDIN: Final = "-"
_INPUT: Final = re.compile(r"([^\W\d]\w*)(:=|=)(.*)\Z", re.DOTALL)
_TEXT: Final = Schema({"type": "string"}, {})


def read_inputs(typed: Sequence[str], *, option: str = "--input") -> dict[str, Any]:
    """The inputs by name, as `option` was given them. Raises ConfigurationError naming the one that is none, or is given twice."""
    inputs: dict[str, Any] = {}
    for text in typed:
        matched = _INPUT.match(text)
        if matched is None:
            raise ConfigurationError(option, f"{text[:60]!r} names no value", f"give {INPUT_FORM}")
        name, sign, right = matched.groups()
        if name in inputs:
            raise ConfigurationError(option, f"{name} is given twice", "give each once")
        place = f"{option} {name}"
        inputs[name] = _json_of(right, place) if sign == ":=" else read_value_text(right, _TEXT, place=place)
    return inputs


@contextmanager
def opened_rows(name: str) -> Generator[Iterator[dict[str, Any]]]:
    """The rows of a file of JSON maps, one a line, read as they are asked for; `-` is stdin.

    Blank lines hold nothing. Raises ConfigurationError naming the line that is no map.
    """
    if name == STDIN:
        yield _rows(sys.stdin, "stdin")
        return
    try:
        file = Path(name).expanduser().open(encoding="utf-8")
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise ConfigurationError(name, problem, "name a readable file, or - for stdin") from None
    with file:
        yield _rows(file, name)


def _rows(lines: IO[str], name: str) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _row(line, f"{name}, line {number}")
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{name}, line {number + 1}", "it is no UTF-8 text", "mend the file"
        ) from None


def _row(line: str, place: str) -> dict[str, Any]:
    try:
        row: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(place, f"it is no JSON: {error}", "give one map of inputs a line") from None
    if not isinstance(row, dict):
        raise ConfigurationError(place, "it is no map", 'give one a line, such as {"question": "…"}')
    return cast("dict[str, Any]", row)


def _json_of(text: str, place: str) -> Any:
    """JSON alone: `:=` was written because a text is not meant."""
    content = read_value_text(text, _TEXT, place=place) if text.startswith("@") else text
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        problem = f"{content[:60]!r} is no JSON: {error}"
        raise ConfigurationError(place, problem, "give JSON, or NAME=TEXT for a text") from None
