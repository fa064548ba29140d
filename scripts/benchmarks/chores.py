"""Chores: the functions that a contestant's worker is asked to run."""

from __future__ import annotations

import os
import time
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, TypeVar

__all__ = ["HANG_SOURCE", "Hang", "echo", "hang", "pid"]

T = TypeVar("T")


class Hang(StrEnum):
    """How a call never ends."""

    SLEEP = "sleep"  # inside one C call: no Python exception can reach it
    SPIN = "spin"  # between bytecodes, holding a core


HANG_SOURCE = """
import pathlib, time
pathlib.Path(sign).touch()
while how == "spin":
    pass
time.sleep(3600)
"""
"""What `hang` does, for systems that are sent source; `how` and `sign` are its variables."""


def echo(payload: T) -> T:
    """Return what came."""
    return payload


def hang(how: str, sign: str) -> NoReturn:
    """Create the file `sign`, then never return."""
    Path(sign).touch()
    while True:
        if how == Hang.SLEEP:
            time.sleep(3600)


def pid() -> int:
    """Say who is working."""
    return os.getpid()
