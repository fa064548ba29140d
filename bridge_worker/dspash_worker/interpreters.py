"""Interpreters: where code that a model writes is run."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from typing import Any, Final

import dspy

from dspash_worker.call import Call
from dspash_worker.current import current_call
from dspash_worker.tools import ASK_HOST, ask_host

__all__ = ["local_interpreter"]

LOOK_S: Final = 0.05
"""How often someone who waits for code to end looks whether the call was cancelled meanwhile."""


def local_interpreter() -> Any:
    """Return an interpreter for the current call: `dspy.LocalInterpreter`, which knows the host's tools.

    It is a process of its own with the worker's rights: no sandbox, so for trusted models and prompts. (DSPy's own
    default wants Deno.) It ends with the call's deadline, or when the call is cancelled. The text of a host tool calls
    `ask_host`; that name leads from the interpreter's process back to this one, and from here to the host.
    """
    call = current_call()
    interpreter: Any = dspy.LocalInterpreter(
        tools={ASK_HOST: _ask}, execution_timeout=call.remaining_s() or None
    )
    interpreter._responses = _Watched(call)  # noqa: SLF001  (where it waits for its process, for as long as that takes)
    return interpreter


# RLM tells the model where its code runs.
local_interpreter.execution_instructions = dspy.LocalInterpreter.execution_instructions  # type: ignore[attr-defined]


def _ask(name: str, arguments: Mapping[str, Any]) -> Any:
    return ask_host(name, arguments)


class _Watched(queue.Queue[Any]):
    """A queue whose reader notices that its call was cancelled."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002  (queue.Queue's own)
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            self._call.check()
            left = LOOK_S if until is None else min(LOOK_S, until - time.monotonic())
            try:
                return super().get(block, max(0.0, left))
            except queue.Empty:
                if until is not None and time.monotonic() >= until:
                    raise
