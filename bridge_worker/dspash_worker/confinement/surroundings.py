"""Surroundings: a worker's working folder, the variables that name it, its umask and process group."""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from typing import Final

__all__ = ["settle"]

_PRIVATE: Final = 0o077


def settle(scratch: str, environment: MutableMapping[str, str]) -> None:
    """Go to `scratch`, have all variables that name a place for files name it, and lead a process group.

    A signal to its group would else reach the zygote. It stays in the zygote's session: a session of its own would be,
    to the scheduler's autogroups, an equal of all that the host runs, and takes the kernel up to some ms to make.

    Raises OSError with the path.
    """
    wanted = {"HOME": scratch, "TMPDIR": scratch, "PWD": scratch, "DSPY_CACHEDIR": f"{scratch}/c"}
    for name, value in wanted.items():
        if environment.get(name) != value:
            environment[name] = value
    tempfile.tempdir = None  # what the zygote found
    os.chdir(scratch)
    os.umask(_PRIVATE)
    os.setpgid(0, 0)
