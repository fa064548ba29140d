"""Exit: how the process ends, within a bound and whatever its threads are doing."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from enum import IntEnum
from typing import Final, NoReturn

__all__ = ["ExitCode", "leave"]

LAST_WORK_S: Final = 1.0
"""How long exit functions and the flushing of what was printed may take."""


class ExitCode(IntEnum):
    """What the exit status of a worker means. Killed by a signal, it has none of these."""

    DONE = 0  # the host closed the pipe between frames, or asked for shutdown
    CRASHED = 1  # a defect of the worker; Python's own status, its traceback is on stderr
    USAGE = 2  # wrong options, or descriptor 0 or 1 is not open
    BROKEN_PIPE = 3  # what came from the host was no sequence of frames, or ended inside one
    STALLED = 4  # the host did not read what was sent to it
    LOAD_FAILED = 5  # DSPy could not be imported; the cause is on stderr and in each waiting request's fault
    FORKED = 6  # not the worker but a child that user code forked and let return from its call


def leave(code: ExitCode) -> NoReturn:
    """End the process, even while a call's thread is stuck in a C function.

    An orderly end of the interpreter would wait for threads that may never end, so only what matters of it is done:
    exit functions run (they remove temporary files), and what was printed is flushed.
    """
    last_work = threading.Thread(target=_do_last_work, name="dspash-exit", daemon=True)
    last_work.start()
    last_work.join(LAST_WORK_S)
    os._exit(code)


def _do_last_work() -> None:
    atexit._run_exitfuncs()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # user code closed it, or nobody reads it
