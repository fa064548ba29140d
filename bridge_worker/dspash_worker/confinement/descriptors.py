"""Descriptors: what a worker keeps of all that the zygote has open."""

from __future__ import annotations

import fcntl
import os
from typing import Final

from dspash_worker.confinement import kernel

__all__ = ["CHANNEL", "keep_only"]

_STDIN, _STDOUT, _STDERR = 0, 1, 2

CHANNEL: Final = 3
"""Where the worker's end of the channel is afterwards, close-on-exec."""


def keep_only(*, channel: int, stderr: int) -> None:
    """Leave descriptors 0 to 3 open and no other: /dev/null to read, `stderr` twice to write, and `channel`.

    Either may be any open descriptor. Raises OSError.
    """
    channel, stderr = _move_away(channel), _move_away(stderr)
    null = _move_away(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    os.dup2(null, _STDIN)
    os.dup2(stderr, _STDOUT)
    os.dup2(stderr, _STDERR)
    os.dup2(channel, CHANNEL, inheritable=False)
    kernel.close_range(CHANNEL + 1)


def _move_away(descriptor: int) -> int:
    """Return a duplicate above those that are about to be replaced."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, CHANNEL + 1)
