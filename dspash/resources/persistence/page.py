"""Pages: a list cut where it can be continued, however many records come before it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, Table, UnaryExpression, and_, false, or_

from dspash.errors import InvalidInputError, Problem
from dspash.resources.kernel.resource import Declaration
from dspash.resources.persistence.filters import read_value

__all__ = ["Order", "Page"]

MAX_KEYS: Final = 4
MAX_CURSOR: Final = 16_000  # characters
_TIES: Final = ("created_at", "id")  # what every index ends with; ids differ

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[R_co]):
    """Some records in order; `next` is what `after=` takes to go on, None at the end."""

    items: tuple[R_co, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class _Key:
    """One attribute to sort by."""

    name: str
    descending: bool
    nullable: bool


class Order:
    """The total order of a list: the attributes asked for, then the time of making. No value sorts before every value."""

    def __init__(self, declaration: Declaration, table: Table, sort: str | Sequence[str]) -> None:
        """Raises InvalidInputError naming what cannot be sorted by."""
        self._declaration = declaration
        self._table = table
        self._keys = self._read(sort)

    @property
    def columns(self) -> list[UnaryExpression[Any]]:
        """What ORDER BY takes."""
        return [self._ordered(key) for key in self._keys]

    @property
    def names(self) -> list[str]:
        """The attributes that a cursor holds."""
        return [key.name for key in self._keys]

    def cursor(self, row: Mapping[str, Any]) -> str:
        """The place just after `row`, which has the values of all `names`."""
        place = [self._signature, *(_noted(row[key.name]) for key in self._keys)]
        text = json.dumps(place, ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def after(self, cursor: object) -> ColumnElement[bool]:
        """The condition of all records after the cursor's place. Raises InvalidInputError for what is no cursor."""
        values = self._parse(cursor)
        pairs = list(zip(self._keys, values, strict=True))
        alternatives: list[ColumnElement[bool]] = []
        for index, (key, value) in enumerate(pairs):
            same = [self._table.c[before.name] == known for before, known in pairs[:index]]
            alternatives.append(and_(*same, self._beyond(key, value)))
        first, value = pairs[0]
        if value is None or (first.nullable and first.descending):
            return or_(*alternatives)
        # Implied by the alternatives; without it neither database sees that the index can start here.
        column = self._table.c[first.name]
        return and_(column <= value if first.descending else column >= value, or_(*alternatives))

    @property
    def _signature(self) -> str:
        return ",".join(f"-{key.name}" if key.descending else key.name for key in self._keys)

    def _ordered(self, key: _Key) -> UnaryExpression[Any]:
        column = self._table.c[key.name]
        ordered = column.desc() if key.descending else column.asc()
        if not key.nullable:
            return ordered
        return ordered.nulls_last() if key.descending else ordered.nulls_first()

    def _beyond(self, key: _Key, value: Any) -> ColumnElement[bool]:
        column = self._table.c[key.name]
        if value is None:
            return false() if key.descending else column.is_not(None)
        if not key.descending:
            return column > value
        return or_(column < value, column.is_(None)) if key.nullable else column < value

    def _read(self, sort: object) -> list[_Key]:
        names = [sort] if isinstance(sort, str) else sort
        if not isinstance(names, (list, tuple)) or not 0 < len(cast("list[object]", names)) <= MAX_KEYS:
            raise InvalidInputError.of([Problem("$.sort", f"needs 1 to {MAX_KEYS} attributes, as '-name'")])
        keys: dict[str, _Key] = {}
        problems: list[Problem] = []
        for index, word in enumerate(cast("list[object]", names)):
            attribute = (
                self._declaration.attributes.get(word.removeprefix("-")) if isinstance(word, str) else None
            )
            if attribute is None or not attribute.is_sortable:
                problems.append(Problem(f"$.sort[{index}]", f"{word!r:.100} is nothing to sort by"))
            elif attribute.name not in keys:
                descending = isinstance(word, str) and word.startswith("-")
                keys[attribute.name] = _Key(attribute.name, descending, attribute.nullable)
        if problems:
            raise InvalidInputError.of(problems)
        # Ties go on in the direction of the last key, so that one index serves both directions.
        last = list(keys.values())[-1]
        for name in _TIES:
            if "id" not in keys:
                keys.setdefault(name, _Key(name, last.descending, nullable=False))
        return list(keys.values())

    def _parse(self, cursor: object) -> list[Any]:
        refused = Problem("$.after", "is no place in this list; give .next of a page with the same sort")
        if not isinstance(cursor, str) or len(cursor) > MAX_CURSOR:
            raise InvalidInputError.of([refused])
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            found: object = json.loads(text)
        except (binascii.Error, ValueError, RecursionError):
            raise InvalidInputError.of([refused]) from None
        if not isinstance(found, list) or len(cast("list[object]", found)) != 1 + len(self._keys):
            raise InvalidInputError.of([refused])
        signature, *values = cast("list[object]", found)
        problems: list[Problem] = []
        read = [self._value(key, value, problems) for key, value in zip(self._keys, values, strict=True)]
        if problems or signature != self._signature:
            raise InvalidInputError.of([refused])
        return read

    def _value(self, key: _Key, value: object, problems: list[Problem]) -> Any:
        if value is None and key.nullable:
            return None
        return read_value(self._declaration.attributes[key.name], value, "$.after", problems)


def _noted(value: Any) -> Any:
    """A column's value as JSON, so that reading it by the attribute's type gives it back."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
