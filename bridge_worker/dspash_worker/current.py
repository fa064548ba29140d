"""Current call: finds the call that running code belongs to, in whatever thread it runs."""

from __future__ import annotations

from typing import Final

import dspy

from dspash_worker.call import Call

__all__ = ["CALL_SETTING", "current_call", "running"]

CALL_SETTING: Final = "dspash_call"
"""DSPy's settings carry the call: DSPy copies them into the threads it starts, which it does not do for contexts."""

_running: Final[dict[int, Call]] = {}  # by id; one operation of a dict is atomic


class running:  # noqa: N801 - it is read as a clause: `with running(call)`
    """Count a call among those that run in this process."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        _running[self._call.id] = self._call

    def __exit__(self, *_: object) -> None:
        del _running[self._call.id]


def current_call() -> Call:
    """Return the call that this code belongs to.

    A thread that user code started by itself carries no settings; it belongs to the one call that runs, if there is
    just one. Raises RuntimeError otherwise.
    """
    call = dspy.settings.get(CALL_SETTING)
    if call is not None:
        return call
    calls = list(_running.values())
    if len(calls) == 1:
        return calls[0]
    raise RuntimeError(
        f"this thread belongs to no call ({len(calls)} are running): start threads with "
        "contextvars.copy_context().run, or use dspy.Parallel, which does"
    )
