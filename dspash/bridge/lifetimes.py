"""Lifetimes: what becomes of open bridges when their process ends or forks."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Final, Protocol

__all__ = ["open_bridges"]


class _Bridge(Protocol):
    def close(self) -> None: ...
    def abandon_in_fork(self, parent: int) -> None: ...


open_bridges: Final[weakref.WeakSet[_Bridge]] = weakref.WeakSet()


def _close_all() -> None:
    """At the end of the interpreter: a bridge nobody closed leaves nothing behind either."""
    for bridge in list(open_bridges):
        bridge.close()


def _abandon_all() -> None:
    """In a forked child: the workers are the parent's, and so are the threads, which did not come along."""
    for bridge in list(open_bridges):
        bridge.abandon_in_fork(os.getppid())
    open_bridges.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
