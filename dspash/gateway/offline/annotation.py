"""Annotations: Python types as DSPy writes them in a prompt (`list[Literal['a', "b"]]`), read as shapes.

Never evaluated: the grammar is names, brackets, commas, quoted strings and numbers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.shape import (
    TEXT,
    Choice,
    Flag,
    Listing,
    Nullable,
    Number,
    Scalar,
    Shape,
    Table,
    Text,
)

__all__ = ["read_annotation"]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[\w.]+)|(?P<mark>[\[\],|]))"""
)
_ESCAPED_QUOTE: Final = "\\'"  # DSPy escapes nothing else
_SCALARS: Final[dict[str, Shape]] = {
    "str": TEXT,
    "int": Number(whole=True),
    "float": Number(whole=False),
    "bool": Flag(),
    "Any": TEXT,
    "object": TEXT,
    "Decimal": Number(whole=False),
    "date": Text(format="date"),
    "datetime": Text(format="date-time"),
    "time": Text(format="time"),
    "UUID": Text(format="uuid"),
    "EmailStr": Text(format="email"),
    "Reasoning": TEXT,
}
_LISTS: Final = frozenset(
    {"list", "set", "frozenset", "tuple", "Sequence", "List", "Set", "Tuple", "Iterable"}
)
_MAPPINGS: Final = frozenset({"dict", "Dict", "Mapping"})
_CONSTANTS: Final[dict[str, Scalar]] = {"True": True, "False": False, "None": None, "NoneType": None}
_NOTHING: Final = frozenset({"None", "NoneType"})


class _UnreadableError(Exception):
    """The text is not an annotation of this grammar, or names a type that the prompt alone does not explain."""


@lru_cache(maxsize=512)
def read_annotation(text: str) -> Shape | None:
    """The shape that `text` describes; None when it names a class, whose shape stands elsewhere in the prompt."""
    try:
        reader = _Reader(text)
        shape = reader.union()
        reader.end()
    except (_UnreadableError, RecursionError):
        return None
    return shape


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = text.strip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise _UnreadableError
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self._at = 0

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise _UnreadableError

    def union(self) -> Shape:
        """`X | Y`: the first member that is not None, optional when None is one of them."""
        members = [self._one()]
        while self._accept("|"):
            members.append(self._one())
        return _joined(members)

    def _one(self) -> Shape | None:
        kind, text = self._take()
        if kind != "name":
            raise _UnreadableError
        name = text.rsplit(".", 1)[-1]
        if name in _NOTHING:
            return None
        if name == "Literal":
            return Choice(self._literals())
        arguments = self._arguments() if self._peek() == "[" else []
        if name in {"Union", "Optional"}:
            return _joined([*arguments, *([None] if name == "Optional" else [])])
        if name == "Annotated" and arguments:
            return arguments[0]
        if name in _LISTS:
            return Listing(next((a for a in arguments if a is not None), TEXT))
        if name in _MAPPINGS:
            return Table(next((a for a in reversed(arguments) if a is not None), TEXT))
        if name in _SCALARS:
            return _SCALARS[name]
        raise _UnreadableError

    def _arguments(self) -> list[Shape | None]:
        self._expect("[")
        found: list[Shape | None] = []
        while not self._accept("]"):
            members = [self._one()]
            while self._accept("|"):
                members.append(self._one())
            found.append(members[0] if len(members) == 1 else _joined(members))
            self._accept(",")
        return found

    def _literals(self) -> tuple[Scalar, ...]:
        self._expect("[")
        options: list[Scalar] = []
        while not self._accept("]"):
            kind, text = self._take()
            if kind == "string":
                options.append(text[1:-1].replace(_ESCAPED_QUOTE, "'"))
            elif kind == "number":
                options.append(float(text) if "." in text else int(text))
            elif kind == "name" and text in _CONSTANTS:
                options.append(_CONSTANTS[text])
            elif kind != "mark" or text != ",":
                raise _UnreadableError
        if not options:
            raise _UnreadableError
        return tuple(options)

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise _UnreadableError
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, mark: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("mark", mark):
            self._at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._accept(mark):
            raise _UnreadableError


def _joined(members: list[Shape | None]) -> Shape:
    """The member of a union to write. Text only with None or alone: DSPy would take other text for JSON first."""
    real = [member for member in members if member is not None]
    if not real:
        raise _UnreadableError
    if len(real) < len(members):
        return Nullable(real[0])
    return next((member for member in real if not isinstance(member, Text)), real[0])
