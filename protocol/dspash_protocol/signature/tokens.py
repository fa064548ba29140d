"""Tokens: the words of a signature, each with its place."""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dspash_protocol.limits import MAX_INTEGER, MIN_INTEGER
from dspash_protocol.signature.errors import SignatureError
from dspash_protocol.signature.limits import MAX_TEXT

__all__ = ["Kind", "Token", "is_name", "tokenize"]


class Kind(StrEnum):
    """What a token is."""

    NAME = "a name"
    TEXT = "quoted text"
    NUMBER = "a number"
    MARK = "a mark"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word: `text` as written, `value` as meant, `position` its first character."""

    kind: Kind
    text: str
    position: int
    value: str | int | float = ""

    def __str__(self) -> str:
        return "the end" if self.kind is Kind.END else f"{self.text!r:.80}"


_SPACE: Final = re.compile(r"\s+")
_MARK: Final = re.compile(r"->|[,:\[\]{}|=?.()]")
_NAME: Final = re.compile(r"[^\W\d]\w*")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_TEXT: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED: Final = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "/": "/",
}


def tokenize(text: str) -> Iterator[Token]:
    """Yield the tokens of `text`, an END last. Raises SignatureError at the first character that begins none."""
    if len(text) > MAX_TEXT:
        raise SignatureError(f"{len(text)} characters are over the limit of {MAX_TEXT}")
    position, end = 0, len(text)
    while position < end:
        if found := _SPACE.match(text, position):
            position = found.end()
            continue
        token = _token_at(text, position)
        yield token
        position += len(token.text)
    yield Token(Kind.END, "", end)


def is_name(word: str) -> bool:
    """Whether `word` can name a field: an identifier that Python takes as it is written."""
    return (
        word.isidentifier()
        and not keyword.iskeyword(word)
        and not word.startswith("_")
        and unicodedata.is_normalized("NFKC", word)
    )


def _token_at(text: str, position: int) -> Token:
    if found := _NAME.match(text, position):
        return Token(Kind.NAME, found[0], position)
    if found := _NUMBER.match(text, position):
        return Token(Kind.NUMBER, found[0], position, _number(found[0], position))
    if found := _MARK.match(text, position):
        return Token(Kind.MARK, found[0], position)
    if found := _TEXT.match(text, position):
        return Token(Kind.TEXT, found[0], position, _unquote(found[0], position))
    character = text[position]
    if character in "\"'":
        raise SignatureError(
            "this quotation has no end", position=position, hint=f"close it with {character}"
        )
    raise SignatureError(f"{character!r} has no meaning here", position=position)


def _number(word: str, position: int) -> int | float:
    if word.lstrip("-").isdigit():
        if len(word) <= 20 and MIN_INTEGER <= int(word) <= MAX_INTEGER:
            return int(word)
        raise SignatureError("an integer is wider than 64 bits", position=position)
    value = float(word)
    if not math.isfinite(value):
        raise SignatureError("a number is too large", position=position)
    return value


def _unquote(word: str, position: int) -> str:
    def replace(found: re.Match[str]) -> str:
        code = found[1]
        if len(code) > 1:
            return _character(int(code[1:], 16), position + 1 + found.start())
        if code not in _ESCAPED:
            raise SignatureError(
                f"\\{code} is no escape",
                position=position + 1 + found.start(),
                hint="write \\\\ for a backslash",
            )
        return _ESCAPED[code]

    return _ESCAPE.sub(replace, word[1:-1])


def _character(code: int, position: int) -> str:
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise SignatureError(f"U+{code:04X} is no character", position=position)
    return chr(code)
