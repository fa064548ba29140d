"""Columns: the types that fields of a file are to have, and the values that text stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from dspash.datasets.refusal import unfit
from dspash.datasets.row import Row
from dspash.signatures import invalid_signature
from dspash_protocol.signature import (
    NONE,
    SignatureError,
    Type,
    UnionOf,
    check_value_type,
    parse_type,
)

__all__ = ["Columns"]


class Columns:
    """Types by field, as the signature grammar writes them: `{"k": "int", "passages": "list[str]"}`.

    Of a file in which everything is text, a field of another type is converted: numbers, `true` and `false`, lists and
    maps in JSON; an empty cell is None where the type allows that. Of any other file it is checked.
    Raises InvalidInputError for what is no type, naming the field and the character.
    """

    def __init__(self, types: Mapping[str, str], *, path: str = "$.types") -> None:
        self._types: dict[str, Type] = {}
        for name, text in types.items():
            try:
                self._types[name] = parse_type(text)
            except SignatureError as error:
                raise invalid_signature(error.under(f"{path}.{name}", field=name)) from None

    def __bool__(self) -> bool:
        return bool(self._types)

    def __repr__(self) -> str:
        return f"<Columns {', '.join(self._types) or 'of any type'}>"

    def applied(self, row: Row, file: str, *, from_text: bool) -> Row:
        """Return the row with its fields as they are to be. Raises InvalidInputError naming the line and the field."""
        fields = dict(row.fields)
        for name, type_ in self._types.items():
            if name not in fields:
                raise unfit(file, "missing", line=row.line, path=f"$.{name}")
            if from_text and isinstance(fields[name], str):
                fields[name] = _value_of(fields[name], type_)
            problems = check_value_type(type_, fields[name], path=f"$.{name}")
            if problems:
                raise unfit(file, problems[0].message, line=row.line, path=problems[0].path)
        return Row(fields, row.line)


def _value_of(text: str, type_: Type) -> Any:
    """The value that a cell stands for; the text itself where it fits, or stands for nothing else."""
    if not text and isinstance(type_, UnionOf) and NONE in type_.members:
        return None
    if not check_value_type(type_, text):
        return text
    word = text.strip()
    try:
        return _DECODER.decode(word.lower() if word in _FLAGS else word)
    except ValueError:
        return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_FLAGS: Final = frozenset({"True", "False", "TRUE", "FALSE"})  # as pandas and spreadsheets write them
_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
