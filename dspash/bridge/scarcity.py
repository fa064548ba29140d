"""Scarcity: what the machine lacks for a moment, and how long that is worth waiting for."""

from __future__ import annotations

import errno
from typing import Final

__all__ = ["wait_after"]

_SCARCE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
WAITS_S: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


def wait_after(error: Exception, tries: int) -> float | None:
    """Seconds until the next attempt, after `tries` that went like this one; None where waiting will not help."""
    if isinstance(error, OSError) and error.errno in _SCARCE and tries < len(WAITS_S):
        return WAITS_S[tries]
    return None
