"""Interpreters: where code that a model writes is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dspy

from dspash_worker.tools import ASK_HOST, ask_host

__all__ = ["local_interpreter"]


def local_interpreter(execution_timeout_s: float | None = None) -> Callable[[], Any]:
    """Return a factory of `dspy.LocalInterpreter`s that know the host's tools.

    Each is a process of its own with the worker's rights: no sandbox, so for trusted models and prompts. (DSPy's own
    default wants Deno.) The text of a host tool calls `ask_host`; that name leads from the interpreter's process back
    to this one, and from here to the host.
    """

    def make() -> Any:
        return dspy.LocalInterpreter(tools={ASK_HOST: _ask}, execution_timeout=execution_timeout_s)

    make.execution_instructions = dspy.LocalInterpreter.execution_instructions  # type: ignore[attr-defined]  # RLM reads it
    return make


def _ask(name: str, arguments: Mapping[str, Any]) -> Any:
    return ask_host(name, arguments)
