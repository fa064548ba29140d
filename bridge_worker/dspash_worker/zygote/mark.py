"""Mark: the environment variable by which a host finds what a dead worker has left behind.

A program that a worker starts is given the worker's variables, mark included. A process that only forks has those that
its ancestor was *started* with: for all forks of a zygote, the zygote's. So that text itself is written over.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

__all__ = ["VARIABLE", "set_mark"]

VARIABLE: Final = "DSPASH_WORKER"

_ENV_START, _ENV_END = 47, 48  # fields 50 and 51 of proc(5)'s stat, from what follows the command's name


def set_mark(mark: str) -> None:
    """Mark this process. What others read of it changes if the zygote was started with a mark of the same length."""
    before = os.environ.get(VARIABLE, "")
    os.environ[VARIABLE] = mark
    if len(before) == len(mark):
        _write_over(f"{VARIABLE}={before}".encode(), f"{VARIABLE}={mark}".encode())


def _write_over(before: bytes, after: bytes) -> None:
    # The command's name may hold spaces and brackets: the fields begin after the last bracket.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    place = (b"\0" + ctypes.string_at(start, end - start)).find(b"\0" + before + b"\0")
    if place >= 0:
        ctypes.memmove(start + place, after, len(after))
