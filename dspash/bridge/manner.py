"""Manner: how a handler of asks is called, and so what it may do."""

from __future__ import annotations

from enum import Enum

__all__ = ["Manner"]


class Manner(Enum):
    """Decided ask by ask, on the thread that reads."""

    WAITS = "waits"
    """It may wait for anything: it gets a thread of its own."""

    COMPUTES = "computes"
    """It waits for nothing: where a caller reads while it waits for the call, it runs on that caller's thread."""

    BEGINS = "begins"
    """It returns at once, and a future for the answer: it is called on the thread that reads, and no thread is taken."""
