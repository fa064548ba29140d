"""Stdio: takes the protocol's pipes away from file descriptors 0 and 1, where anything could write into them.

Imports next to nothing, because it must run before anything that might print is imported.
"""

from __future__ import annotations

import fcntl
import os
import sys
from typing import Final, NamedTuple, TextIO

__all__ = ["Pipes", "claim", "open_streams"]

_STDIN, _STDOUT, _STDERR = 0, 1, 2

_FLOOR: Final = 200
"""Claimed descriptors sit above this: out of the way of code that closes or reuses low numbers by habit."""


class Pipes(NamedTuple):
    """The two ends a worker speaks on, as file descriptors. They may be two names of one socket."""

    reading: int
    writing: int


def claim() -> Pipes:
    """Move what is on descriptors 0 and 1 to private ones, and put /dev/null and stderr in their place.

    The private ones are close-on-exec. Afterwards `print`, C libraries, import banners and child processes can neither
    touch a frame nor hold the pipe open. Raises OSError when 0 or 1 is not open.
    """
    pipes = Pipes(_move_high(_STDIN), _move_high(_STDOUT))
    _open_stderr()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, _STDIN)
    os.close(null)
    os.dup2(_STDERR, _STDOUT)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where the descriptor was closed
            stream.flush()  # what was printed before now goes to stderr as well
    open_streams()
    return pipes


def open_streams() -> None:
    """Have what is printed go to descriptors 1 and 2 as they are now."""
    sys.stdout = sys.__stdout__ = _text_stream(_STDOUT)
    sys.stderr = sys.__stderr__ = _text_stream(_STDERR)


def _move_high(descriptor: int) -> int:
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FLOOR)
    except OSError:
        os.fstat(descriptor)  # not open at all: that is the error to raise
        # So few are allowed that the floor is too high.
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _STDERR + 1)


def _text_stream(descriptor: int) -> TextIO:
    """A line at a time, and whatever it holds: a print that fails or is lost would be the user's puzzle."""
    return open(  # lives as long as the process
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _open_stderr() -> None:
    """Make sure that descriptor 2 is open, as everything printed will go there."""
    try:
        os.fstat(_STDERR)
    except OSError:
        # Takes the lowest free number, which is 2 since 0 and 1 are open.
        null = os.open(os.devnull, os.O_WRONLY)
        if null != _STDERR:
            os.dup2(null, _STDERR)
            os.close(null)
