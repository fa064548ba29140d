"""ExampleQueue: which examples of an evaluation are to be run next, and what becomes of those whose call failed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from dspash.errors import (
    CallTimeoutError,
    DspashError,
    FrameTooLargeError,
    LimitExceededError,
    WorkerLostError,
)
from dspash_protocol import Progress

__all__ = ["CHUNK_MOST", "ExampleQueue", "Portion", "split_evenly"]

CHUNK_MOST: Final = 16  # examples a call: small enough to show progress and to lose little with a worker

ALONE_MOST: Final = 2
"""Workers that one example may lose while nothing else of its evaluation runs: the first may have died of something else."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Examples of one call, by their places. `lost`: how many workers ended while nothing else of the job was running."""

    places: tuple[int, ...]
    lost: int = 0
    is_suspect: bool = False


@dataclass(slots=True)
class ExampleQueue:
    """What is still to be run, as plain data: it makes no calls and knows no time.

    A call whose worker was lost, or that went past a limit, tells not which of its examples was to blame. Each of them is
    a suspect then, and is run by itself. Suspects wait until nothing else is running where workers are shared
    (`is_shared`), so that the next loss is the fault of exactly one, which fails; the others keep what they have.
    """

    among: int
    is_shared: bool
    _waiting: deque[Portion] = field(default_factory=deque[Portion])
    _suspects: deque[Portion] = field(default_factory=deque[Portion])
    _running: int = 0

    @classmethod
    def of(cls, places: Sequence[int], *, among: int, most: int, is_shared: bool) -> ExampleQueue:
        """Queue the examples at `places`, for `among` calls side by side of at most `most` examples."""
        queue = cls(max(1, among), is_shared)
        chunks = split_evenly(len(places), among=among, most=most)
        queue._waiting.extend(Portion(tuple(places[index] for index in chunk)) for chunk in chunks)
        return queue

    @property
    def has_ended(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not (self._running or self._waiting or self._suspects)

    def take(self) -> Portion | None:
        """What to run now; None while there is nothing that may be begun."""
        if self._running >= self.among:
            return None
        if self._waiting:
            self._running += 1
            return self._waiting.popleft()
        if self._suspects and not (self.is_shared and self._running):
            self._running += 1
            return self._suspects.popleft()
        return None

    def succeeded(self) -> None:
        """A call has its results."""
        self._running -= 1

    def failed(self, portion: Portion, error: DspashError, *, has_own_time: bool) -> bool:
        """A call has failed. True: its one example is to blame. False: it is queued again. Raises `error` otherwise.

        `has_own_time`: the call's deadline was its example's, not that of the whole evaluation.
        """
        self._running -= 1
        alone = len(portion.places) == 1
        match error:
            case CallTimeoutError() if has_own_time and alone:
                if error.progress is Progress.NOT_SENT:
                    self._waiting.append(portion)  # it has waited for others, and has not begun
                    return False
                return True
            case WorkerLostError() if alone and portion.is_suspect and self.is_shared:
                lost = portion.lost + 1
                if lost >= ALONE_MOST:
                    return True
                self._suspects.append(Portion(portion.places, lost, is_suspect=True))
                return False
            case WorkerLostError() if alone and not self.is_shared:
                return True
            case LimitExceededError() | FrameTooLargeError() if alone:
                return True
            case WorkerLostError() | LimitExceededError() | FrameTooLargeError():
                self._suspects.extend(Portion((place,), is_suspect=True) for place in portion.places)
                return False
            case _:
                raise error


def split_evenly(count: int, *, among: int, most: int = CHUNK_MOST) -> list[range]:
    """Cut `count` examples into chunks of at most `most`, so that `among` of them run side by side and none is long."""
    size = max(1, min(most, -(-count // max(1, among))))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]
