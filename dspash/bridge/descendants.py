"""Descendants: ends what a dead worker has left behind, where no namespace does it.

A process that has left its group and session can still be told by its environment, which every child inherits unless
somebody clears it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["MARK", "end_marked", "find_marked"]

MARK: Final = "DSPASH_WORKER"
"""The variable that marks a worker and all it starts; its value is one generation's alone."""

PASSES: Final = 5  # a marked process may fork while they are being counted
DYING_MS: Final = 200.0

_PROC: Final = Path("/proc")


def find_marked(value: str) -> Iterator[int]:
    """The pids of all processes whose environment holds MARK with `value`; those of other users cannot be read."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and _is_marked(int(entry.name), value):
            yield int(entry.name)


def end_marked(value: str) -> None:
    """Kill every process that is marked with `value`. Returns within about a second. Linux only."""
    for _ in range(PASSES):
        ended = [_end(pid, value) for pid in find_marked(value)]
        if not any(ended):
            return


def _end(pid: int, value: str) -> bool:
    """Kill one process, unless its number has gone to somebody else meanwhile; whether it was still there."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False  # it has ended, or we have no descriptor left and it is for the next pass
    try:
        if not _is_marked(pid, value):  # asked again, now that the number is held to this process
            return False
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(DYING_MS)
        return True
    finally:
        os.close(pidfd)


def _is_marked(pid: int, value: str) -> bool:
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={value}".encode() in environment.split(b"\0")
