"""StandIn: a worker that was forked ahead of need, and has yet to be greeted.

It takes the place of one that crashed in a fraction of the time: most of what a birth takes is copying memory that a fork
only borrowed, and that is done by then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from loguru import logger

if TYPE_CHECKING:
    import socket

    from dspash.bridge.forked import ForkedProcess
    from dspash.bridge.mailbox import Mailbox
    from dspash.bridge.pump import Pump

__all__ = ["Fork", "StandIn"]

AFTER_S: Final = 0.1  # when those that were just started no longer need the processor for themselves
END_S: Final = 5.0  # from a SIGKILL to its zygote's word of it

Fork: TypeAlias = (
    "Callable[[Callable[[ForkedProcess, socket.socket], None], Callable[[Exception], None]], None]"
)


class StandIn:
    """Keeps one. On the mailbox's thread. `fork` starts a worker, and calls the first with it or the second with why not."""

    def __init__(self, mailbox: Mailbox, pump: Pump, fork: Fork) -> None:
        self._mailbox = mailbox
        self._pump = pump
        self._fork = fork
        self._here: tuple[ForkedProcess, socket.socket] | None = None
        self._is_coming = False
        self._closed = False

    def __repr__(self) -> str:
        return f"<StandIn {self._here[0] if self._here else 'coming' if self._is_coming else 'none'}>"

    def take(self) -> tuple[ForkedProcess, socket.socket] | None:
        """The one that is ready, which is the caller's; None when there is none."""
        here, self._here = self._here, None
        if here is not None and not here[0].runs():
            self._end(here)
            return None
        return here

    def send_for(self) -> None:
        """Have one ready before long."""
        if not (self._closed or self._is_coming or self._here):
            self._is_coming = True
            self._mailbox.cast_after(AFTER_S, self._come)

    def close(self) -> None:
        """End it. Its zygote is still there."""
        self._closed = True
        here, self._here = self._here, None
        if here is not None:
            self._end(here)

    def let_go(self) -> None:
        """Close its channel without a word; for a forked copy of the host, whose original goes on."""
        if self._here is not None:
            self._here[1].close()

    def _come(self) -> None:
        self._fork(self._arrive, self._stay_away)

    def _arrive(self, process: ForkedProcess, sock: socket.socket) -> None:
        self._is_coming = False
        self._here = (process, sock)
        if self._closed:
            self.close()

    def _stay_away(self, error: Exception) -> None:
        """Nobody misses it: the next worker is started when it is wanted, and another stand-in sent for then."""
        self._is_coming = False
        logger.debug("no worker stands by: {}", error)

    def _end(self, here: tuple[ForkedProcess, socket.socket]) -> None:
        process, sock = here
        sock.close()
        process.kill()
        process.wait(END_S)
        self._pump.run(functools.partial(_release, process, self._pump))


def _release(process: ForkedProcess, pump: Pump) -> None:
    process.unwatch(pump)
    process.close()
