"""Cache pruning: what the cache of a tenant holds, and what of it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from dspash.errors import ConfigurationError
from dspash.resources.lm.removal import remove_those, remove_where

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel import Scene
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["cache_stats", "clear_cache", "prune_cache", "remove_expired"]

_CACHE: Final = "CacheEntry"


def cache_stats(scene: Scene) -> dict[str, Any]:
    """Counts and sizes of the scene's tenant, in all and by model, the largest first."""
    from sqlalchemy import case, func, select

    table = _table(scene)
    columns = table.c
    stored = cast("StoredScene", scene)
    expired = func.coalesce(func.sum(case((columns.expires_at <= scene.now(), 1), else_=0)), 0)
    size = func.coalesce(func.sum(columns.size), 0)
    by_model = (
        select(columns.provider, columns.model, func.count(), expired, size)
        .where(columns.tenant_id == scene.context.tenant)
        .group_by(columns.provider, columns.model)
        .order_by(size.desc(), columns.provider, columns.model)
    )
    with stored.reading() as connection:
        models = [
            {
                "provider": provider,
                "model": model,
                "entries": count,
                "expired": int(old),
                "characters": int(large),
            }
            for provider, model, count, old, large in connection.execute(by_model)
        ]
    whole = {name: sum(model[name] for model in models) for name in ("entries", "expired", "characters")}
    return {**whole, "models": models}


def prune_cache(scene: Scene, max_entries: int | None = None) -> int:
    """Remove what has expired, what was replaced, and the oldest beyond `max_entries`; how many those were."""
    from sqlalchemy import select

    if max_entries is not None and max_entries < 0:
        problem = f"{max_entries} is no number of entries"
        raise ConfigurationError("max_entries", problem, "give 0 or more, or None")
    table = _table(scene)
    columns, newer = table.c, table.alias("newer").c
    replaced = (
        select(newer.id)
        .where(newer.tenant_id == columns.tenant_id, newer.key == columns.key, newer.id > columns.id)
        .exists()
    )
    removed = remove_expired(scene) + remove_those(scene, _CACHE, replaced)
    if max_entries is not None:
        kept = table.alias("kept").c
        too_many = (
            select(kept.id)
            .where(kept.tenant_id == scene.context.tenant)
            .order_by(kept.created_at.desc(), kept.id.desc())
            .offset(max_entries)
        )
        removed += remove_those(scene, _CACHE, columns.id.in_(too_many))
    return removed


def remove_expired(scene: Scene) -> int:
    """Remove the answers of the scene's tenant that are of no use any more; how many those were."""
    return remove_those(scene, _CACHE, _table(scene).c.expires_at <= scene.now())


def clear_cache(scene: Scene, *, model: str | None = None, key: str | None = None) -> int:
    """Remove all answers of the scene's tenant, or those of one model or key; how many those were."""
    return remove_where(scene, _CACHE, {"model": model, "key": key})


def _table(scene: Scene) -> Table:
    stored = cast("StoredScene", scene)
    return stored.domain.table(stored.domain.declaration(_CACHE))
