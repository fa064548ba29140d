"""Tidying: what an app removes of its records by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["tidy"]

JOURNALS: Final = timedelta(days=30)
"""How long a run that was interrupted can be repeated without asking again."""


def tidy(scene: StoredScene) -> int:
    """Remove what has been kept for long enough; how many records that were. Raises StoreError.

    Traces and LM calls go by age and by number, journals by age, cached answers when they have expired.
    """
    from dspash.resources.journal_entry import JournalEntry
    from dspash.resources.lm.cache_pruning import remove_expired
    from dspash.resources.lm_request import LMRequest
    from dspash.resources.recording import Retention, prune
    from dspash.resources.trace import Trace

    removed = sum(prune(scene, resource, Retention()) for resource in (Trace, LMRequest))
    return removed + prune(scene, JournalEntry, Retention(JOURNALS, None)) + remove_expired(scene)
