"""Shield: keeps this process from others of its own user."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Final

__all__ = ["shield_host"]

PR_SET_DUMPABLE: Final = 4


@functools.cache
def shield_host() -> None:
    """Have the kernel refuse a look into this process's memory to whoever is not root. Once a process, and for good.

    An ordinary user's sandboxes run as that same user: should one be left after all, this process with its keys is
    still not to be read or traced. It has a price: no core dump, and no debugger or profiler attaches without root.
    Root's sandboxes run as somebody else, so root's process stays as it is.
    """
    if os.geteuid() != 0:
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
