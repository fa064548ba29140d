"""Lineage: who inherits a process, and whose end is its own."""

from __future__ import annotations

import signal
from typing import Final

from dspash_worker.confinement import kernel

__all__ = ["adopt_orphans", "die_with_parent_thread"]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends. Raises OSError."""
    kernel.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent_thread() -> None:
    """Be killed when the thread that forked this process ends. Raises OSError."""
    kernel.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
