"""Evidence: which limit was behind an error, told by what the kernel does when one is passed."""

from __future__ import annotations

import errno
import signal
from typing import Final

from dspash.bridge.call import Measured
from dspash.bridge.overrun import Limit, Overrun
from dspash.errors import FrameTooLargeError, ProgramError, WorkerLostError
from dspash.sandbox.limits import Limits
from dspash.supervision import Signalled

__all__ = ["overrun_behind"]

_MIB: Final = 1024 * 1024
_NO_THREAD: Final = "can't start new thread"  # CPython's words for an EAGAIN that it does not pass on
CPU_SLACK_S: Final = 0.5  # the kernel counts whole seconds, we look at ours a little before


def overrun_behind(error: BaseException, limits: Limits, measured: Measured) -> Overrun | None:
    """The limit that `error`, the end of a sandboxed call, comes from; None when it is an error like any other.

    The program says itself what it died of, and may lie: it is its own call that is told.
    """
    match error:
        case FrameTooLargeError(size=size):
            return Overrun(Limit.FRAME, size / _MIB, limits.frame_mb)
        case ProgramError(type="MemoryError"):
            return _memory(limits, measured)
        case ProgramError(type="RuntimeError") if _NO_THREAD in error.message:
            return Overrun(Limit.THREADS, None, limits.threads)
        case ProgramError():
            return _by_errno(error.details.get("errno"), limits, measured)
        case WorkerLostError(exit=Signalled() as end):
            return _by_signal(end, limits, measured)
        case _:
            return None


def _by_errno(number: object, limits: Limits, measured: Measured) -> Overrun | None:
    match number:
        case errno.ENOSPC | errno.EDQUOT:
            return Overrun(Limit.SCRATCH, None, limits.scratch_mb)
        case errno.EFBIG:
            return Overrun(Limit.FILE_SIZE, None, limits.file_mb)
        case errno.EMFILE:
            return Overrun(Limit.FILES, None, limits.files)
        case errno.ENOMEM:
            return _memory(limits, measured)
        case _:
            return None


def _by_signal(end: Signalled, limits: Limits, measured: Measured) -> Overrun | None:
    match end.signal:
        case signal.SIGXCPU:
            return Overrun(Limit.CPU, measured.cpu_s, limits.cpu_s)
        case signal.SIGXFSZ:
            return Overrun(Limit.FILE_SIZE, None, limits.file_mb)
        case signal.SIGBUS:
            return Overrun(Limit.SCRATCH, None, limits.scratch_mb)
        case signal.SIGKILL if not end.sent_by_us:
            used_s = measured.cpu_s or 0.0
            if used_s >= limits.cpu_s - CPU_SLACK_S:
                return Overrun(Limit.CPU, used_s, limits.cpu_s)
            return _memory(limits, measured)
        case _:
            return None


def _memory(limits: Limits, measured: Measured) -> Overrun:
    peak = measured.peak_memory_bytes
    return Overrun(Limit.MEMORY, None if peak is None else peak / _MIB, limits.memory_mb)
