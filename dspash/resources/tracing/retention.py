"""Retention: how long executions are kept, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from dspash.errors import ConfigurationError
from dspash.resources.tracing.table import traces_of

if TYPE_CHECKING:
    from dspash.resources.kernel import Scene
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["Retention", "prune"]

LOT: Final = 500
"""Executions that one transaction removes."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: executions that ended within `max_age`, and the last `max_executions` of them; None: all."""

    max_age: timedelta | None = timedelta(days=30)
    max_executions: int | None = 100_000

    def __post_init__(self) -> None:
        if self.max_age is not None and self.max_age <= timedelta(0):
            raise ConfigurationError(
                "max_age", f"{self.max_age} keeps nothing", "give a time above 0, or None"
            )
        if self.max_executions is not None and self.max_executions < 0:
            problem = f"{self.max_executions} is no number of executions"
            raise ConfigurationError("max_executions", problem, "give 0 or more, or None")


def prune(scene: Scene, retention: Retention) -> int:
    """Remove the executions of the scene's tenant that are too old or too many; returns how many those were.

    The oldest go first, so that one that is interrupted has done its part.
    """
    # Every scene that reaches an action is one of these; the port of actions has no tables.
    stored = cast("StoredScene", scene)
    removed = 0
    if retention.max_age is not None:
        removed += _remove(stored, stored.now() - retention.max_age)
    if retention.max_executions is not None:
        too_many = _newest_too_many(stored, retention.max_executions)
        if too_many is not None:
            removed += _remove(stored, too_many + timedelta(microseconds=1))
    return removed


def _newest_too_many(scene: StoredScene, kept: int) -> datetime | None:
    """When the newest execution ended that is one too many."""
    from sqlalchemy import select

    columns = traces_of(scene).c
    newest = (
        select(columns.created_at)
        .where(columns.tenant_id == scene.context.tenant)
        .order_by(columns.created_at.desc(), columns.id.desc())
        .offset(kept)
        .limit(1)
    )
    with scene.reading() as connection:
        return connection.execute(newest).scalar()


def _remove(scene: StoredScene, before: datetime) -> int:
    """Remove all that ended before, some at a time: other writers get their turn in between."""
    from sqlalchemy import delete, select

    table = traces_of(scene)
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
