"""DatasetRows: the examples of one data set, read in their order, and put into sets."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from dspash.datasets import SplitPlan
from dspash.resources.example import Example
from dspash.resources.kernel import Scene

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from dspash.resources.kernel import StoredScene

__all__ = ["assign_splits", "iterate_rows"]

ROWS_A_PAGE: Final = 2000


def iterate_rows(
    scene: Scene, dataset_id: UUID, *, split: str | None = None, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the examples, of one set or all, inputs and labels in one map; holds no more than a page of them."""
    stored = cast("StoredScene", scene)  # actions are given no other
    table = _table(stored)
    own = _own(stored, table, dataset_id)
    if split is not None:
        own &= table.c.split == split
    with stored.reading() as connection:
        pages = _pages(connection, table, (table.c.inputs, table.c.labels), own, limit=limit)
        rows = ({**row.inputs, **row.labels} for page in pages for row in page)
        yield from itertools.islice(rows, limit)


def assign_splits(scene: Scene, dataset_id: UUID, plan: SplitPlan) -> dict[str, int]:
    """Put every example into the set that `plan` draws, or into none; return how many are in each.

    Part of the scene's transaction. Raises InvalidInputError where there are fewer than are wanted.
    """
    from sqlalchemy import bindparam, update

    stored = cast("StoredScene", scene)
    connection, table = stored.connection, _table(stored)
    own = _own(stored, table, dataset_id)
    put = update(table).where(table.c.id == bindparam("key")).values(split=bindparam("set"))
    pages = _pages(connection, table, (table.c.content_hash,), own)
    counts: Counter[str] = Counter()
    if plan.by_count:
        drawn = plan.drawn((row.id, row.content_hash) for page in pages for row in page)
        connection.execute(update(table).where(own).values(split=None))
        connection.execute(put, [{"key": key, "set": name} for key, name in drawn.items()])
        counts.update(drawn.values())
        return dict(counts)
    for page in pages:
        sets = [(row.id, plan.set_of(row.content_hash)) for row in page]
        connection.execute(put, [{"key": key, "set": name} for key, name in sets])
        counts.update(name for _, name in sets if name is not None)
    return dict(counts)


def _table(scene: StoredScene) -> Table:
    return scene.domain.table(scene.domain.declaration(Example))


def _own(scene: StoredScene, table: Table, dataset_id: UUID) -> ColumnElement[bool]:
    return (table.c.tenant_id == scene.context.tenant) & (table.c.dataset_id == dataset_id)


def _pages(
    connection: Connection,
    table: Table,
    columns: tuple[Any, ...],
    own: ColumnElement[bool],
    *,
    limit: int | None = None,
) -> Iterator[Sequence[Any]]:
    """Pages of `columns` and the id, in the order of the examples: that in which the index of their data set has them."""
    from sqlalchemy import select, tuple_

    order = (table.c.created_at, table.c.id)
    size = ROWS_A_PAGE if limit is None else min(limit, ROWS_A_PAGE)
    query = select(table.c.id, table.c.created_at, *columns).where(own).order_by(*order).limit(size)
    page = list(connection.execute(query).all())
    while page:
        yield page
        last = page[-1]
        page = list(connection.execute(query.where(tuple_(*order) > (last.created_at, last.id))).all())
