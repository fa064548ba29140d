"""Log: the worker's own lines on stderr, which never wait."""

from __future__ import annotations

import os
import select
import sys
import threading
import traceback
from types import TracebackType
from typing import Final

from dspash_worker.cancellation import CallCancelled

__all__ = ["install_hooks", "say"]

_STDERR: Final = 2
_LONGEST_LINE: Final = 4000
"""Below PIPE_BUF (4096 on Linux), so that a pipe which is ready takes a line whole and at once."""


def say(text: str) -> None:
    """Write `text` to stderr, each line marked as the worker's own; drop it when stderr would make us wait.

    A host that does not drain stderr must not stop the thread that reads its requests.
    """
    prefix = f"dspash_worker[{os.getpid()}]: "
    for line in text.splitlines():
        data = (prefix + line).encode(errors="backslashreplace")[:_LONGEST_LINE] + b"\n"
        try:
            poll = select.poll()
            poll.register(_STDERR, select.POLLOUT)
            if poll.poll(0):
                os.write(_STDERR, data)
        except OSError:
            return  # stderr is gone, and with it the place to say so


def install_hooks() -> None:
    """Let exceptions that end a thread or cannot be raised be logged, but not the cancellation of a call."""
    threading.excepthook = _on_thread_exception
    sys.unraisablehook = _on_unraisable


def _on_thread_exception(args: threading.ExceptHookArgs, /) -> None:
    name = args.thread.name if args.thread is not None else "unknown"
    _say_unless_cancelled(f"thread {name} ended", args.exc_type, args.exc_value, args.exc_traceback)


def _on_unraisable(args: sys.UnraisableHookArgs, /) -> None:
    # The object itself is not shown: its repr is the user's code, and may raise or hold a secret.
    where = f"{args.err_msg or 'exception ignored'} in {type(args.object).__name__}"
    _say_unless_cancelled(where, args.exc_type, args.exc_value, args.exc_traceback)


def _say_unless_cancelled(
    what: str, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if not issubclass(kind, CallCancelled | SystemExit):
        say(f"{what}\n{''.join(traceback.format_exception(kind, error, trace))}")
