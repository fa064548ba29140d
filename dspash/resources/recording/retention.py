"""Retention: how long records of what has happened are kept, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel import Resource, Scene
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["Retention", "prune"]

LOT: Final = 500
"""Records that one transaction removes."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: records made within `max_age`, and the last `max_records` of them; None: all."""

    max_age: timedelta | None = timedelta(days=30)
    max_records: int | None = 100_000

    def __post_init__(self) -> None:
        if self.max_age is not None and self.max_age <= timedelta(0):
            raise ConfigurationError(
                "max_age", f"{self.max_age} keeps nothing", "give a time above 0, or None"
            )
        if self.max_records is not None and self.max_records < 0:
            problem = f"{self.max_records} is no number of records"
            raise ConfigurationError("max_records", problem, "give 0 or more, or None")


def prune(scene: Scene, resource: type[Resource], retention: Retention) -> int:
    """Remove the records of the scene's tenant that are too old or too many; returns how many those were.

    The oldest go first, so that one that is interrupted has done its part.
    """
    # Every scene that reaches an action is one of these; the port of actions has no tables.
    stored = cast("StoredScene", scene)
    table = stored.domain.table(stored.domain.declaration(resource))
    removed = 0
    if retention.max_age is not None:
        removed += _remove(stored, table, stored.now() - retention.max_age)
    if retention.max_records is not None:
        too_many = _newest_too_many(stored, table, retention.max_records)
        if too_many is not None:
            removed += _remove(stored, table, too_many + timedelta(microseconds=1))
    return removed


def _newest_too_many(scene: StoredScene, table: Table, kept: int) -> datetime | None:
    """When the newest record was made that is one too many."""
    from sqlalchemy import select

    columns = table.c
    newest = (
        select(columns.created_at)
        .where(columns.tenant_id == scene.context.tenant)
        .order_by(columns.created_at.desc(), columns.id.desc())
        .offset(kept)
        .limit(1)
    )
    with scene.reading() as connection:
        return connection.execute(newest).scalar()


def _remove(scene: StoredScene, table: Table, before: datetime) -> int:
    """Remove all that were made before, some at a time: other writers get their turn in between."""
    from sqlalchemy import delete, select

    oldest = (
        select(table.c.id)
        .where(table.c.tenant_id == scene.context.tenant, table.c.created_at < before)
        .order_by(table.c.created_at, table.c.id)
        .limit(LOT)
    )
    removed = 0
    while True:
        with scene.transaction() as inner:
            ids = list(inner.connection.execute(oldest).scalars())
            if ids:
                inner.connection.execute(delete(table).where(table.c.id.in_(ids)))
        removed += len(ids)
        if len(ids) < LOT:
            return removed
