"""Identity: ids of records, ordered by the time they were made (UUID version 7, RFC 9562)."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Final
from uuid import UUID

__all__ = ["new_id"]

_VERSION: Final = 7 << 76
_VARIANT: Final = 2 << 62
_RANDOM_BITS: Final = 62
_SEQUENCE_BITS: Final = (
    12  # below the milliseconds: the fraction of one, so that ids of one process only grow
)

_lock = threading.Lock()
_last_tick = 0


def new_id() -> UUID:
    """An id that is greater than every one this process made before it."""
    global _last_tick  # noqa: PLW0603 - the order is the process's own
    tick = (time.time_ns() << _SEQUENCE_BITS) // 1_000_000
    with _lock:
        tick = _last_tick = max(tick, _last_tick + 1)
    milliseconds, sequence = tick >> _SEQUENCE_BITS, tick & ((1 << _SEQUENCE_BITS) - 1)
    return UUID(
        int=milliseconds << 80 | _VERSION | sequence << 64 | _VARIANT | secrets.randbits(_RANDOM_BITS)
    )
