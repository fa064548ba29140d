"""Signals: what a worker must not keep of the zygote's handling of them."""

from __future__ import annotations

import signal
from typing import Final

__all__ = ["reset"]

_IGNORED: Final = {signal.SIGPIPE, signal.SIGXFSZ}
"""What Python ignores from its start, so that writing raises OSError instead."""


def reset() -> None:
    """Put every signal back to how a new Python has it, with none blocked. Main thread only; raises OSError."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if number in _IGNORED:
            wanted = signal.SIG_IGN
        elif number == signal.SIGINT:
            wanted = signal.default_int_handler
        else:
            wanted = signal.SIG_DFL
        if signal.getsignal(number) is not wanted:
            signal.signal(number, wanted)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
