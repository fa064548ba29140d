"""Burials: what follows when a worker's pipe has ended, until nothing of it is left."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from dspash.supervision import ProtocolBroken

if TYPE_CHECKING:
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.worker import Worker

__all__ = ["REAP_S", "Burials"]

DYING_S: Final = 0.05
"""A process whose pipe has closed is given this to end by itself, so that its own reason is told."""

DYING_LOOK_S: Final = 0.0005
"""Until the first look whether it has; each wait is longer by half, for it takes longer."""

LONGEST_LOOK_S: Final = 0.02
REAP_S: Final = 5.0  # after a SIGKILL; only a process stuck in the kernel takes longer


class Burials:
    """Workers from their start until their process was reaped and let go of. On the mailbox's thread, but for `alive`.

    `on_gone` is told of each once, when that is done. A process has `dying_s` to end by itself once its pipe has.
    """

    def __init__(
        self, mailbox: Mailbox, on_gone: Callable[[Worker], None], *, dying_s: float = DYING_S
    ) -> None:
        self._mailbox = mailbox
        self._dying_s = dying_s
        self._on_gone = on_gone
        self._alive: list[Worker] = []
        self._lost: set[Worker] = set()  # of these, those whose pipe has ended

    def __repr__(self) -> str:
        return f"<Burials alive={len(self._alive)}>"

    @property
    def alive(self) -> tuple[Worker, ...]:
        """Every worker that has not been buried, the first started first; from any thread."""
        return tuple(self._alive)

    def add(self, worker: Worker) -> None:
        """It has just been started."""
        self._alive.append(worker)
        worker.process.when_reaped(
            functools.partial(self._mailbox.cast, functools.partial(self._bury_if_lost, worker))
        )

    def lost(self, worker: Worker) -> None:
        """Its pipe has ended; its process follows, or is helped to."""
        if worker.why is not None:
            worker.process.kill()
        self._lost.add(worker)
        now = time.monotonic()
        first_s = LONGEST_LOOK_S if worker.process.TELLS_END else DYING_LOOK_S
        self._await_end(worker, first_s, kill_at=now + self._dying_s, bury_at=now + self._dying_s + REAP_S)

    def kill_all(self, workers: Iterable[Worker]) -> None:
        """End them, wait for that, and bury them."""
        doomed = list(workers)
        for worker in doomed:
            worker.process.kill()
        self.reap(doomed, REAP_S)
        for worker in doomed:
            self._bury(worker)

    def reap(self, workers: Iterable[Worker], within_s: float) -> None:
        """Wait for the end of their processes, at most `within_s` in all."""
        until = time.monotonic() + within_s
        for worker in workers:
            worker.process.wait(max(0.0, until - time.monotonic()))

    def _await_end(self, worker: Worker, look_s: float, *, kill_at: float, bury_at: float) -> None:
        """Wait for the process to be reaped, in steps; kill it when that takes too long."""
        now = time.monotonic()
        if worker not in self._lost:
            return  # it was told before this look
        if worker.process.poll() is not None or now >= bury_at:
            self._bury(worker)
            return
        if now >= kill_at and worker.process.runs():
            worker.kill(ProtocolBroken("it closed its end of the pipe and lived on"))
        following_s = min(1.5 * look_s, LONGEST_LOOK_S)
        again = functools.partial(self._await_end, worker, following_s, kill_at=kill_at, bury_at=bury_at)
        self._mailbox.cast_after(look_s, again)

    def _bury_if_lost(self, worker: Worker) -> None:
        """Its process was reaped. What it said before is all heard once its pipe has ended, too."""
        if worker in self._lost:
            self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        """The process has ended: hear its last words, and let go of what it held."""
        self._lost.discard(worker)
        if worker in self._alive:
            self._alive.remove(worker)
            gone = functools.partial(self._on_gone, worker)
            worker.release(then=functools.partial(self._mailbox.cast, gone))
