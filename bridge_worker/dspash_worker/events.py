"""Events: those of one call that wait for the pipe, bounded by merging progress and by holding back items."""

from __future__ import annotations

from collections import deque
from typing import Final

from dspash_protocol import EventKind

__all__ = ["MAX_WAITING", "EventQueue"]

MAX_WAITING: Final = 256
"""Events of one call that may wait; rule 8 of the protocol."""


class EventQueue:
    """Encoded events that were not yet handed to the pipe's outbox, oldest first. Its owner holds the lock.

    Progress past the bound replaces the oldest waiting progress, which shows as a gap in `seq`. Items are never
    dropped: who emits one asks `has_room` first and waits. `started` comes once a call and is
    always kept.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[EventKind, bytes]] = deque()
        self.merged = 0
        self.closed = False

    def __repr__(self) -> str:
        return f"<EventQueue waiting={len(self)} merged={self.merged} closed={self.closed}>"

    def __len__(self) -> int:
        return len(self._waiting)

    def has_room(self) -> bool:
        """Whether one more event can be put without passing the bound."""
        return len(self._waiting) < MAX_WAITING or self._oldest_progress() is not None

    def put(self, kind: EventKind, frame: bytes) -> None:
        """Append one event; past the bound, in the place of the oldest progress."""
        if len(self._waiting) >= MAX_WAITING and (oldest := self._oldest_progress()) is not None:
            del self._waiting[oldest]
            self.merged += 1
        self._waiting.append((kind, frame))

    def take(self) -> bytes:
        """Remove the oldest event's frame. Only when not empty."""
        return self._waiting.popleft()[1]

    def take_all(self) -> list[bytes]:
        """Remove the frames of all events, oldest first."""
        frames = [frame for _, frame in self._waiting]
        self._waiting.clear()
        return frames

    def close(self) -> None:
        """The call has its answer: nothing more is put."""
        self.closed = True

    def _oldest_progress(self) -> int | None:
        return next((at for at, (kind, _) in enumerate(self._waiting) if kind is EventKind.PROGRESS), None)
