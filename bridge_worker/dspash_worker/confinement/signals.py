"""Signals: what a worker must not keep of the zygote's handling of them."""

from __future__ import annotations

import signal
from typing import Final

__all__ = ["reset"]

_IGNORED: Final = {signal.SIGPIPE, signal.SIGXFSZ}
"""What Python ignores from its start, so that writing raises OSError instead."""

_FIXED: Final = {signal.SIGKILL, signal.SIGSTOP}

# Plain numbers, made before the fork: what a worker touches for the first time is copied for it, page by page.
_IN_A_NEW_PYTHON: Final = tuple(
    (
        int(number),
        signal.default_int_handler
        if number == signal.SIGINT
        else signal.SIG_IGN
        if number in _IGNORED
        else signal.SIG_DFL,
    )
    for number in sorted(signal.valid_signals() - _FIXED)
)


def reset() -> None:
    """Put every signal back to how a new Python has it, with none blocked. Main thread only; raises OSError."""
    signal.set_wakeup_fd(-1)
    for number, wanted in _IN_A_NEW_PYTHON:
        if signal.getsignal(number) is not wanted:
            signal.signal(number, wanted)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
