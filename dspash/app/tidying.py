"""Tidying: what an app removes of its records by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["tidy"]


def tidy(scene: StoredScene) -> int:
    """Remove what has been kept for long enough; how many records that were. Raises StoreError."""
    from dspash.resources.recording import Retention, prune
    from dspash.resources.trace import Trace

    return prune(scene, Trace, Retention())
