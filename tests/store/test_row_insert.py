"""Prepared inserts: the database holds what SQLAlchemy's own would have put there, on either database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, text
from sqlalchemy.exc import IntegrityError

from dspash.resources import DOMAIN
from dspash.resources.kernel import new_id
from dspash.resources.trace import Trace
from dspash.store import Store
from dspash.store.row_insert import RowInsert

TRACES = DOMAIN.table(DOMAIN.declaration(Trace))
MOMENT = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)


def trace(**values: Any) -> dict[str, Any]:
    given = {
        "id": new_id(),
        "tenant_id": "north",
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "version": 1,
        "kind": "program",
        "name": "Bäleen 100% :x ?",
        "type": "source",
        "program_id": None,
        "program_version": 2**40,
        "module_id": None,
        "status": "succeeded",
        "started_at": MOMENT,
        "duration_s": 0.1,
        "lm_calls": 1,
        "lm_tokens": 2**62,
        "tool_calls": 0,
        "lm_wait_s": 1e-300,
        "inputs": {"b": [1, 2.5, None, True, "é\n\"'"], "a": {}},
        "outputs": "a text",
        "reasoning": None,
        "error": None,
        "dropped": 0,
        "steps": "[]\n[]",
    }
    return {**given, **values}


def kept(store: Store) -> list[tuple[Any, ...]]:
    """All columns but the id, as the driver reads them."""
    with store.read() as connection:
        names = ", ".join(column.name for column in TRACES.columns if column.name != "id")
        return [tuple(row) for row in connection.execute(text(f"SELECT {names} FROM traces ORDER BY id"))]


def test_rows_are_kept_as_sqlalchemy_keeps_them(store: Store) -> None:
    rows = [trace(), trace(error={"kind": "timeout"}, outputs=None), trace(inputs=[], outputs=0)]
    again = [{**row, "id": new_id()} for row in rows]
    with store.transaction() as connection:
        connection.execute(insert(TRACES), rows)
        RowInsert(TRACES, tuple(again[0]), connection.dialect).execute(connection, again)
    found = kept(store)
    assert found[3:] == found[:3]
    with store.read() as connection:
        assert [row.id for row in connection.execute(TRACES.select().order_by(TRACES.c.id))][3:] == [
            row["id"] for row in again
        ]


def test_columns_may_be_in_any_order_and_left_out_where_they_may_be_empty(store: Store) -> None:
    whole = trace()
    row = {name: whole[name] for name in reversed(whole) if name not in {"reasoning", "program_version"}}
    with store.transaction() as connection:
        RowInsert(TRACES, tuple(row), connection.dialect).execute(connection, [row])
        found = connection.execute(TRACES.select()).mappings().one()
    assert dict(found) == {**whole, "program_version": None}


def test_a_row_that_breaks_a_rule_is_refused_with_its_lot(store: Store) -> None:
    rows = [trace(), trace(name=None)]
    with pytest.raises(IntegrityError), store.transaction() as connection:
        RowInsert(TRACES, tuple(rows[0]), connection.dialect).execute(connection, rows)
    assert kept(store) == []


def test_a_column_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="traces has no colour"):
        RowInsert(TRACES, ("id", "colour"), store.engine.dialect)


def test_a_column_that_would_fill_itself_must_be_said(store: Store) -> None:
    table = Table(
        "things", MetaData(), Column("id", Integer, primary_key=True), Column("name", Text, default="x")
    )
    with pytest.raises(ValueError, match="rows must say their name"):
        RowInsert(table, ("id",), store.engine.dialect)


def test_a_single_column_will_do(store: Store) -> None:
    table = Table("singles", MetaData(), Column("id", Integer, primary_key=True))
    with store.transaction() as connection:
        table.create(connection)
        RowInsert(table, ("id",), connection.dialect).execute(connection, [{"id": 1}, {"id": 2}])
        assert connection.execute(table.select().order_by(table.c.id)).scalars().all() == [1, 2]
        table.drop(connection)
