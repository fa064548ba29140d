"""Sigchld: keeps from workers a host's choice to ignore the end of its children."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["heeding_children"]

_HEED: Final = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def heeding_children(command: Sequence[str]) -> list[str]:
    """The same command, made to wait for its own children though this process ignores SIGCHLD.

    An ignored signal is inherited: bubblewrap would never see its child end, and user code could wait for none of its.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        return [sys.executable, "-I", "-S", "-c", _HEED, *command]
    return list(command)
