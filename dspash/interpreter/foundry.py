"""Foundry: starts the workers of interpreters that belong to no app."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from concurrent.futures import Future
from typing import Final

from dspash.bridge.environment import worker_environment
from dspash.bridge.launch import LaunchSpec, launch
from dspash.bridge.mailbox import Mailbox
from dspash.interpreter.kernel import Kernel, KernelLimits
from dspash.sandbox import Limits, find_containment

__all__ = ["Foundry", "close_shared", "shared_foundry"]

START_S: Final = 30.0
MODULE: Final = "dspash_worker.interpreter"


class Foundry:
    """Starts workers from a thread that outlives them, as the kernel ends a worker with the thread that started it."""

    def __init__(self) -> None:
        self._mailbox = Mailbox("dspash-interpreters")

    def start(self, limits: Limits) -> Kernel:
        """Start a worker, which is the caller's to greet and to end. Raises OSError when that cannot be done."""
        made: Future[Kernel] = Future()

        def make() -> None:
            try:
                made.set_result(self._make(limits))
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                made.set_exception(error)

        self._mailbox.cast(make)
        return made.result(START_S)

    def bury(self, kernel: Kernel) -> None:
        """Kill a worker now, and let go of it in a moment: for callers that must not wait."""
        kernel.kill()
        self._mailbox.cast(kernel.end)

    def close(self) -> None:
        """End the thread. Workers that are left end with it."""
        self._mailbox.close()
        self._mailbox.join()

    def _make(self, limits: Limits) -> Kernel:
        spec = LaunchSpec(sys.executable, (), worker_environment({}), find_containment(), module=MODULE)
        process, sock = launch(spec)
        return Kernel(process, sock, KernelLimits.of(limits))


_lock = threading.Lock()
_shared: Foundry | None = None


def shared_foundry() -> Foundry:
    """The foundry of this process, made when it is first needed and closed at its end."""
    global _shared  # noqa: PLW0603 - one for the process, like its atexit functions
    with _lock:
        if _shared is None:
            _shared = Foundry()
        return _shared


def close_shared() -> None:
    """Close it; the next interpreter makes another."""
    global _shared  # noqa: PLW0603 - see above
    with _lock:
        found = _shared
        _shared = None
    if found is not None:
        found.close()


def _forget_in_fork() -> None:
    global _shared  # noqa: PLW0603 - see above
    _shared = None  # its thread has not come along


atexit.register(close_shared)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_fork)
