"""Python stack: the last traceback in what a worker wrote to stderr."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

__all__ = ["find_python_stack"]

_HEADER: Final = re.compile(
    r"Traceback \(most recent call last\):|  [+] Exception Group Traceback|Fatal Python error: "
)
_FAULTHANDLER_LINE: Final = re.compile(r"$|\s|(Current t|T)hread 0x|Stack \(|Python runtime state: ")


def find_python_stack(stderr: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of the last traceback in `stderr`, oldest line first; empty if there is none.

    Reads what the interpreter prints for an uncaught exception or exception group, and what faulthandler
    prints for a fatal error, of one thread or of all. A traceback whose header is no longer among the lines is not
    recognised.
    """
    start = next((at for at in reversed(range(len(stderr))) if _HEADER.match(stderr[at])), None)
    if start is None:
        return ()
    header, rest = stderr[start], stderr[start + 1 :]
    if header.startswith("Fatal"):
        return _without_blank_end([header, *takewhile(_FAULTHANDLER_LINE.match, rest)])
    frames = list(takewhile(lambda line: line.startswith(" "), rest))
    if header.startswith(" "):  # every line of a group is indented, its exceptions too
        return (header, *frames)
    return (header, *frames, *rest[len(frames) : len(frames) + 1])


def _without_blank_end(lines: list[str]) -> tuple[str, ...]:
    while not lines[-1].strip():
        lines.pop()
    return tuple(lines)
