"""RowInsert: the statement that puts rows of one form into a table, prepared once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert

__all__ = ["RowInsert"]

_Row = Mapping[str, Any]


class RowInsert:
    """Puts rows that have the same columns into one table. None is NULL, whatever the column's type.

    SQLAlchemy's own way to the driver goes through every value of every row several times, and costs as much as all the
    rest of writing it. Here only the values of columns whose type has a form of its own in the database are looked at.
    """

    def __init__(self, table: Table, columns: Sequence[str], dialect: Dialect) -> None:
        """Raises ValueError for a column that the table has not, and for one left out that would fill itself."""
        if unknown := [name for name in columns if name not in table.columns]:
            raise ValueError(f"{table.name} has no {', '.join(unknown)}")
        missing = [column.name for column in table.columns if column.name not in columns]
        if filled := [name for name in missing if table.columns[name].default is not None]:
            raise ValueError(f"{table.name}: rows must say their {', '.join(filled)}")
        compiled = insert(table).inline().compile(dialect=dialect, column_keys=list(columns))
        self._table = table
        self._statement = str(compiled)
        self._names = tuple(compiled.positiontup or columns)
        self._is_positional = compiled.positional
        processors = [
            table.columns[name].type.dialect_impl(dialect).bind_processor(dialect) for name in self._names
        ]
        self._processors = [
            (place, process) for place, process in enumerate(processors) if process is not None
        ]

    def __repr__(self) -> str:
        return f"<RowInsert into {self._table.name} columns={len(self._names)}>"

    def execute(self, connection: Connection, rows: Sequence[_Row]) -> None:
        """Insert the rows, in their order. Raises what the driver raises, wrapped by SQLAlchemy, and what encoding raises."""
        written = [self._written(row) for row in rows]
        if self._is_positional:
            connection.exec_driver_sql(self._statement, written)
        else:
            connection.exec_driver_sql(
                self._statement, [dict(zip(self._names, values, strict=True)) for values in written]
            )

    def _written(self, row: _Row) -> tuple[Any, ...]:
        """The values as the driver takes them."""
        values = [row[name] for name in self._names]
        for place, process in self._processors:
            if values[place] is not None:
                values[place] = process(values[place])
        return tuple(values)
