"""Descriptors: what a worker keeps of all that the zygote has open."""

from __future__ import annotations

import fcntl
import os
from typing import Final

from dspash_worker.confinement import kernel

__all__ = ["CHANNEL", "RULESET", "keep_only"]

_STDIN, _STDOUT, _STDERR = 0, 1, 2

CHANNEL: Final = 3
"""Where the worker's end of the channel is afterwards, close-on-exec."""

RULESET: Final = 4
"""Where a ruleset of Landlock's is until it is applied and closed."""


def keep_only(*, channel: int, stderr: int, ruleset: int | None = None) -> None:
    """Leave descriptors 0 to 3 open and no other: /dev/null to read, `stderr` twice to write, and `channel`.

    And `ruleset`, if there is one, as 4. Each may be any open descriptor. Raises OSError.
    """
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    sources = [_move_away(each) for each in (null, stderr, channel, *([] if ruleset is None else [ruleset]))]
    os.dup2(sources[0], _STDIN)
    os.dup2(sources[1], _STDOUT)
    os.dup2(sources[1], _STDERR)
    for place, source in enumerate(sources[2:], CHANNEL):
        os.dup2(source, place, inheritable=False)
    kernel.close_range(_STDERR + len(sources) - 1)


def _move_away(descriptor: int) -> int:
    """Return a duplicate above those that are about to be replaced."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, RULESET + 1)
