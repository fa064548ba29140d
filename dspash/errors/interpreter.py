"""Interpreter errors: code that raised, and interpreters that failed."""

from __future__ import annotations

from typing import Any

from dspash.errors.dspash_error import DspashError, restored

__all__ = ["CodeExecutionError", "CodeInterpreterError"]


class CodeInterpreterError(DspashError):
    """An interpreter failed in a way that the code it runs cannot mend: it ended, or was asked for what cannot be.

    `stderr_tail` is the last that its process wrote, if that was lost. Where the host has loaded DSPy it is DSPy's error
    of this name as well. Retry with a new interpreter: its names are gone.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.stderr_tail = ""

    def __str__(self) -> str:
        return self.message  # whole: a model reads it, and the lines of a trace mean something to it

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (_own_class_of(self), self.args, dict(vars(self)))


class CodeExecutionError(CodeInterpreterError):
    """The code raised; `str()` says what, and in which line. The interpreter goes on. Fix the code."""


def _own_class_of(error: CodeInterpreterError) -> type[CodeInterpreterError]:
    """The class of this module: where DSPy is loaded an error's own class exists in that process only."""
    return CodeExecutionError if isinstance(error, CodeExecutionError) else CodeInterpreterError
