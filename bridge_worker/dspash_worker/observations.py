"""Observations: what an agent's model is told of a tool that failed."""

from __future__ import annotations

import importlib
from typing import Final

from dspash_worker.secret_texts import redact
from dspash_worker.tracebacks import user_traceback

__all__ = ["observe_as_faults_do"]

_AGENTS: Final = ("dspy.predict.react", "dspy.predict.react_v2")
_FORMAT: Final = "format_error_for_lm"
"""DSPy's, with this machine's paths; each of these modules has it by its name."""


def observe_as_faults_do() -> None:
    """Have agents tell a failure by the program's own frames, as faults do: it goes into prompts and into outputs."""
    for name in _AGENTS:
        module = importlib.import_module(name)
        # A DSPy that tells failures in another way is to be noticed, not passed over.
        getattr(module, _FORMAT)
        setattr(module, _FORMAT, _format_error)


def _format_error(error: BaseException, *, traceback_frames: int = 0) -> str:
    """The message alone where no frames are wanted, else after them; how many is for the traceback to say."""
    if traceback_frames <= 0:
        return redact(str(error))
    return "\n" + (user_traceback(error) or redact(f"{type(error).__name__}: {error}"))
