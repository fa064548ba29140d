"""JSON array: one list of objects, read item by item however long it is."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from dspash.datasets.refusal import check_fields, unfit
from dspash.datasets.row import Row
from dspash.datasets.source import MAX_ITEM, Source

__all__ = ["read_json_array"]

_CHUNK: Final = 256 * 1024
_SPACE: Final = " \t\r\n"


def read_json_array(source: Source) -> Iterator[Row]:
    """Yield the items as rows. Raises InvalidInputError naming line and column."""
    window = _Window(source)
    window.take("[", "a list of objects is wanted")
    if window.next() == "]":
        window.skip()
    else:
        while True:
            if window.next() != "{":
                window.fail("an object is wanted")
            line = window.line
            fields = window.item()
            check_fields(fields, source.name, line)
            yield Row(fields, line)
            if window.next() == "]":
                window.skip()
                break
            window.take(",", "a comma or the end of the list is wanted")
    if window.next():
        window.fail("nothing may follow the list")


class _Window:
    """The part of the text that is held: from where reading stands to where the file was read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._line = 1  # of the character that _counted stands at
        self._counted = 0
        self._gone = 0  # characters of the line before the text that is held
        self._ended = False

    @property
    def line(self) -> int:
        """The line that reading stands in."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def next(self) -> str:
        """Go past white space; return the character that is there, nothing at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go past the character that is there."""
        self._at += 1

    def take(self, mark: str, wanted: str) -> None:
        """Go past `mark`, which must be next."""
        if self.next() != mark:
            self.fail(wanted)
        self.skip()

    def item(self) -> Any:
        """Read the value that begins here; what is incomplete becomes complete when more of the file is there."""
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > MAX_ITEM:
                    self.fail(f"an item is longer than {MAX_ITEM} characters, or not closed")
                if not self._more():
                    self._at = error.pos
                    self.fail(error.msg)
            except RecursionError:
                self.fail("an item is nested too deeply")
            except ValueError as error:  # a number with thousands of digits, or one that is none
                self.fail(str(error))
            else:
                return value

    def fail(self, problem: str) -> NoReturn:
        """Raise InvalidInputError for what stands here."""
        told = f"this is no list of objects: {problem} at column {self._column}"
        raise unfit(self._source.name, told, line=self.line)

    @property
    def _column(self) -> int:
        """The column that reading stands in."""
        end = self._text.rfind("\n", 0, self._at)
        return self._at - end if end >= 0 else self._gone + self._at + 1

    def _more(self) -> bool:
        """Hold more of the file, and nothing of what reading went past; whether there was more."""
        if self._ended:
            return False
        self._line, self._gone = self.line, self._column - 1
        self._text, self._at, self._counted = self._text[self._at :], 0, 0
        # An item that is long is not read again and again: each time as much more as is held already.
        data = self._source.read(max(_CHUNK, len(self._text)))
        self._ended = not data
        try:
            self._text += self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            line = self._line + self._text.count("\n") + data.count(b"\n", 0, error.start)
            raise unfit(self._source.name, f"this is no UTF-8: {error.reason}", line=line) from None
        return not self._ended or bool(self._text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
