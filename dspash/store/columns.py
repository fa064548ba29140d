"""Columns: how values are kept, alike on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, Dialect, Double, LargeBinary, Text, Uuid
from sqlalchemy.types import JSON, TypeDecorator

from dspash.store.json_text import encode_json

__all__ = ["Flag", "Id", "Instant", "Integer", "Json", "Number", "Octets", "String"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC to the microsecond: microseconds since 1970 in SQLite, which has no type for it."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        own: Any = DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger()
        return dialect.type_descriptor(own)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else _EPOCH + value * _MICROSECOND


class String(TypeDecorator[str]):
    """Text, compared and ordered by its code points: PostgreSQL's own order depends on where the server stands."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(Text(collation="C") if dialect.name == "postgresql" else Text())


class Json(TypeDecorator[Any]):
    """A JSON value: text, also in PostgreSQL's json; its jsonb would reorder keys and rewrite numbers. None is NULL.

    The engine must have `encode_json` as its serialiser.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        own: Any = JSON(none_as_null=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(own)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else encode_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return json.loads(value) if isinstance(value, str) and dialect.name != "postgresql" else value


class Id(TypeDecorator[UUID]):
    """A UUID: PostgreSQL's own type, 32 hexadecimal digits in SQLite."""

    impl = Uuid
    cache_ok = True


class Integer(TypeDecorator[int]):
    """A whole number of 64 bits."""

    impl = BigInteger
    cache_ok = True


class Number(TypeDecorator[float]):
    """A floating-point number of 64 bits."""

    impl = Double
    cache_ok = True


class Flag(TypeDecorator[bool]):
    """True or false."""

    impl = Boolean
    cache_ok = True


class Octets(TypeDecorator[bytes]):
    """Bytes."""

    impl = LargeBinary
    cache_ok = True
