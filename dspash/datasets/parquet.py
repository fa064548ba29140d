"""Parquet: a columnar file, read by pyarrow where that is installed, a few hundred rows at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from dspash.datasets.refusal import check_fields, unfit
from dspash.datasets.row import Row
from dspash.datasets.source import Source
from dspash.errors import ConfigurationError

__all__ = ["read_parquet"]

_ROWS: Final = 256  # held at a time


def read_parquet(source: Source) -> Iterator[Row]:
    """Yield the rows, numbered from 1; dates and decimals become text.

    Raises InvalidInputError naming the row, and ConfigurationError where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        way_out = "install it: pip install 'dspash[parquet]'"
        raise ConfigurationError(
            source.name, "Parquet is read by pyarrow, which is not installed", way_out
        ) from None
    arrow: Any = pa
    parquet: Any = pq
    try:
        number = 0
        for batch in parquet.ParquetFile(source.stream).iter_batches(batch_size=_ROWS):
            for fields in batch.to_pylist():
                number += 1
                plain = _plain(fields)
                check_fields(plain, source.name, number)
                yield Row(plain, number)
    except arrow.ArrowException as error:
        raise unfit(source.name, f"this is no Parquet: {error}") from None


def _plain(value: Any) -> Any:
    match value:
        case dict():
            fields = cast("dict[str, Any]", value)
            return {name: _plain(item) for name, item in fields.items()}
        case list():
            items = cast("list[Any]", value)
            return [_plain(item) for item in items]
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case Decimal() | UUID():
            return str(value)
        case _:
            return value
