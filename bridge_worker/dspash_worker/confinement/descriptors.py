"""Descriptors: what a worker keeps of all that the zygote has open."""

from __future__ import annotations

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
    # First out of the way of what is about to be replaced.
    away = max(null, stderr, channel, ruleset or 0, RULESET) + 1
    kept = (null, stderr, channel) if ruleset is None else (null, stderr, channel, ruleset)
    for place, descriptor in enumerate(kept, away):
        os.dup2(descriptor, place, inheritable=False)
    os.dup2(away, _STDIN)
    os.dup2(away + 1, _STDOUT)
    os.dup2(away + 1, _STDERR)
    os.dup2(away + 2, CHANNEL, inheritable=False)
    if ruleset is not None:
        os.dup2(away + 3, RULESET, inheritable=False)
    kernel.close_range(CHANNEL + 1 if ruleset is None else RULESET + 1)
