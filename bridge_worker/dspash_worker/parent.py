"""Parent: has the kernel kill this process when the one that started it ends, if that one asks for it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import MutableMapping
from typing import Final

__all__ = ["VARIABLE", "die_with_parent"]

VARIABLE: Final = "DSPASH_PARENT"
"""Environment variable: the pid of the process that wants its worker to die with it."""

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(environment: MutableMapping[str, str]) -> None:
    """Do as VARIABLE asks, and remove it, so that no child of this process takes it for its own.

    Linux only: elsewhere the end of the pipe must do. Note for whoever starts workers: the kernel sends the signal when
    the *thread* that started this process ends, not the process. Raises OSError when the kernel refuses.
    """
    asked = environment.pop(VARIABLE, None)
    if asked is None or sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if str(os.getppid()) != asked:  # it ended before the kernel was told
        os.kill(os.getpid(), signal.SIGKILL)
