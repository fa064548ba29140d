"""Removal: records that fit, a lot at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from dspash.resources.kernel import Resource, Scene
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["remove_those", "remove_where"]

LOT: Final = 500
"""Records that one transaction removes: other writers get their turn in between."""


def remove_where(scene: Scene, resource: str | type[Resource], chosen: Mapping[str, str | None]) -> int:
    """Remove the records of the scene's tenant that have those values, None being any; how many those were."""
    stored = cast("StoredScene", scene)
    columns = stored.domain.table(stored.domain.declaration(resource)).c
    conditions = [columns[name] == value for name, value in chosen.items() if value is not None]
    return remove_those(scene, resource, *conditions)


def remove_those(scene: Scene, resource: str | type[Resource], *conditions: ColumnElement[Any]) -> int:
    """Remove the records of the scene's tenant that meet the conditions; how many those were."""
    from sqlalchemy import delete, select

    stored = cast("StoredScene", scene)
    table = stored.domain.table(stored.domain.declaration(resource))
    found = select(table.c.id).where(table.c.tenant_id == stored.context.tenant, *conditions).limit(LOT)
    removed = 0
    while True:
        with stored.transaction() as inner:
            ids = list(inner.connection.execute(found).scalars())
            if ids:
                inner.connection.execute(delete(table).where(table.c.id.in_(ids)))
        removed += len(ids)
        if len(ids) < LOT:
            return removed
