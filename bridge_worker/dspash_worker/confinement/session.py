"""Session: a worker's working folder, environment, umask and session."""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from typing import Final

__all__ = ["begin"]

_PRIVATE: Final = 0o077
_OURS: Final = "DSPASH_"


def begin(scratch: str, environment: MutableMapping[str, str]) -> None:
    """Go to `scratch`, which all that names a place for files then names, in a session of this process's own.

    What the host told the zygote through the environment is removed. Raises OSError with the path.
    """
    for name in [name for name in environment if name.startswith(_OURS)]:
        del environment[name]
    environment.update({"HOME": scratch, "TMPDIR": scratch, "PWD": scratch, "DSPY_CACHEDIR": f"{scratch}/c"})
    tempfile.tempdir = None  # what the zygote found
    os.chdir(scratch)
    os.umask(_PRIVATE)
    if os.getpgrp() != os.getpid():  # the first of a group leads one already
        os.setsid()
