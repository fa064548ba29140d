"""Zygote: one thread that listens to the host and to the ends of its children, and does nothing else."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from dspash_protocol.birth import Quit, Spawn, Stillborn
from dspash_worker.log import say
from dspash_worker.zygote.brood import Brood
from dspash_worker.zygote.control import Control, Refused, Told
from dspash_worker.zygote.nest import Nests

__all__ = ["serve"]

_WAKE_BYTES: Final = 4096

_QUIET_MS: Final = 50
"""How long nothing must have been asked for before the next birth is prepared: a worker just born wants the processor."""


def serve(control: Control, brood: Brood, nests: Nests | None) -> None:
    """Fork on request until the host is gone, or has said Quit and no worker is left."""
    with _children_heard() as ends, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        _Zygote(control, brood, nests, ends).run()


class _Zygote:
    def __init__(self, control: Control, brood: Brood, nests: Nests | None, ends: int) -> None:
        self._control = control
        self._brood = brood
        self._nests = nests
        self._ends = ends  # readable when children have ended
        self._wants_spare = nests is not None
        self._quitting = False
        self._poller = select.poll()
        self._poller.register(control, select.POLLIN)
        self._poller.register(ends, select.POLLIN)

    def run(self) -> None:
        while not (self._quitting and self._brood.is_empty):
            ready = dict(self._poller.poll(_QUIET_MS if self._wants_spare else None))
            if self._ends in ready:
                os.read(self._ends, _WAKE_BYTES)
                self._reap()
            if self._control.fileno() in ready:
                told = self._control.receive()
                if told is None:
                    return
                self._do(told)
            if not ready:
                self._make_spare()

    def _do(self, told: Told | Refused) -> None:
        match told:
            case Told(Spawn() as spawn, (channel, stderr)):
                self._brood.bear(spawn, channel, stderr)
                self._wants_spare = self._nests is not None and self._nests.lacks_spare
            case Told(Quit()):
                self._quitting = True
                self._wants_spare = False
            case Refused(problem, id=int(spawn_id)):
                self._control.send(Stillborn(spawn_id, problem))
            case _:
                say(f"the host said what makes no sense: {told}")

    def _make_spare(self) -> None:
        """Make what the next birth needs, while nothing else is to be done; a failure is told at that birth."""
        self._wants_spare = False
        if self._nests is not None:
            try:
                self._nests.make_spare()
            except OSError as error:
                say(f"no namespace was made in advance: {error}")

    def _reap(self) -> None:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            self._brood.mourn(found.si_pid)
            self._brood.bury(*os.wait4(found.si_pid, 0))


@contextmanager
def _children_heard() -> Generator[int]:
    """A descriptor that becomes readable when children have ended."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)  # without a handler nothing is written
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reading)
        os.close(writing)
