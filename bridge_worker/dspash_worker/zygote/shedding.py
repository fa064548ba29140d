"""Shedding: what a fork does first, to be no zygote any more."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection
from typing import Final

__all__ = ["shed"]

_LAST_STANDARD: Final = 2
_OPEN: Final = "/proc/self/fd"


def shed(keep: Collection[int]) -> None:
    """Give signals their ordinary meaning, and close every descriptor but the standard ones and those to `keep`.

    The objects that owned them are never used or deleted again: a fork does not return into the zygote's code.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with os.scandir(_OPEN) as entries:
        descriptors = [int(entry.name) for entry in entries]
    for descriptor in descriptors:
        if descriptor > _LAST_STANDARD and descriptor not in keep:
            with contextlib.suppress(OSError):  # that of this very look
                os.close(descriptor)
