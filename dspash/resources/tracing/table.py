"""Table: where executions are kept, for those who ask the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel.scene import StoredScene

__all__ = ["traces_of"]


def traces_of(scene: StoredScene) -> Table:
    """The table of traces in the scene's domain."""
    return scene.domain.table(scene.domain.declaration("Trace"))
