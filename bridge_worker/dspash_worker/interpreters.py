"""Interpreters: where code that a model writes is run."""

from __future__ import annotations

import queue
import time
from typing import Any, Final

import dspy

from dspash_protocol import FaultError, FaultKind
from dspash_worker.call import Call
from dspash_worker.current import current_call
from dspash_worker.host_interpreter import HostInterpreter
from dspash_worker.tools import ASK_HOST, ask_host

__all__ = ["code_interpreter"]

LOOK_S: Final = 0.05
"""How often someone who waits for code to end looks whether the call was cancelled meanwhile."""


def code_interpreter() -> Any:
    """Return a new interpreter for the current call, which DSPy's modules take as their factory's.

    It is the host's, where that offers one: code then runs in a sandbox. Else it is `dspy.LocalInterpreter`, a process
    with the worker's rights, so for trusted models and prompts. (DSPy's own default wants Deno.) Either ends with the
    call. The text of a host tool calls `ask_host`, which leads from the code to the host.
    """
    call = current_call()
    if call.full:
        interpreter = HostInterpreter(tools={ASK_HOST: ask_host})
        try:
            interpreter.start()
        except FaultError as error:
            if error.fault.kind is not FaultKind.UNKNOWN_COMMAND:
                raise
        else:
            return interpreter
    return _local_interpreter(call)


# RLM tells the model where its code runs.
code_interpreter.execution_instructions = HostInterpreter.execution_instructions  # type: ignore[attr-defined]


def _local_interpreter(call: Call) -> Any:
    """Return DSPy's own, made to know the host's tools, and to end with the deadline of the call or its cancellation."""
    interpreter: Any = dspy.LocalInterpreter(
        tools={ASK_HOST: ask_host}, execution_timeout=call.remaining_s() or None
    )
    interpreter._responses = _Watched(call)  # noqa: SLF001  (where it waits for its process, for as long as that takes)
    return interpreter


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
