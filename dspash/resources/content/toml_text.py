"""TOML text: a flat table written so that it reads well and changes line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

__all__ = ["TomlValue", "toml_text"]

TomlValue: TypeAlias = str | int | bool | Sequence[str]

_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\f": "\\f", "\r": "\\r"}


def toml_text(table: Mapping[str, TomlValue]) -> str:
    """Write `table`, whose keys are bare ones, in its order. A text with newlines is written in lines of its own.

    Reading it with tomllib gives the same values again.
    """
    return "".join(f"{key} = {_value_text(value)}\n" for key, value in table.items())


def _value_text(value: TomlValue) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _string_text(value)
        case _:
            return (
                "[" + "".join(f"\n    {_string_text(item, in_lines=False)}," for item in value) + "\n]"
                if value
                else "[]"
            )


def _string_text(text: str, *, in_lines: bool = True) -> str:
    if in_lines and "\n" in text:
        lines = text.split("\n")
        return '"""\n' + "\n".join(map(_escaped, lines)) + '"""'
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character) or _character(character) for character in text)


def _character(character: str) -> str:
    return character if character >= " " and character != "\x7f" else f"\\u{ord(character):04x}"
