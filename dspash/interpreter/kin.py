"""Kin: our errors and results, which are DSPy's own as well wherever the host app has loaded DSPy.

DSPy's modules tell by the class what became of an execution: a CodeExecutionError goes back to the model, which may mend
its code; any other CodeInterpreterError ends the module; a FinalOutput is the answer. dspash never imports DSPy. Where it
is there already, each of these is made of a class that descends from ours and from theirs.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

from dspash.errors import CodeExecutionError, CodeInterpreterError

__all__ = ["FinalOutput", "execution_error", "final_output", "interpreter_error", "observed"]

_INTERFACE: Final = "dspy.primitives.code_interpreter"
_CALLBACKS: Final = "dspy.utils.callback"

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class FinalOutput:
    """What the code gave to SUBMIT: `output` is a map by field, or of the one value `output`."""

    def __init__(self, output: Any) -> None:
        self.output = output

    def __repr__(self) -> str:
        return f"FinalOutput({self.output!r})"

    def __eq__(self, other: object) -> bool:
        return self.output == other.output if isinstance(other, FinalOutput) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as DSPy's: it compares by what it holds

    def __reduce__(self) -> tuple[Any, ...]:
        return final_output, (self.output,)


def final_output(output: Any) -> FinalOutput:
    """Wrap what was submitted."""
    return _kin(FinalOutput)(output)


def execution_error(message: str) -> CodeExecutionError:
    """The error for code that failed in an interpreter which goes on."""
    return _kin(CodeExecutionError)(message)


def interpreter_error(message: str) -> CodeInterpreterError:
    """The error for anything that the code cannot mend."""
    return _kin(CodeInterpreterError)(message)


def observed(method: Callable[P, R]) -> Callable[P, R]:
    """Have DSPy's callbacks told of each call of an interpreter's method, where DSPy is loaded."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with_callbacks = getattr(sys.modules.get(_CALLBACKS), "with_callbacks", None)
        if with_callbacks is None:
            return method(*args, **kwargs)
        return _telling(with_callbacks, method)(*args, **kwargs)

    return call


@functools.cache
def _telling(
    with_callbacks: Callable[[Callable[P, R]], Callable[P, R]], method: Callable[P, R]
) -> Callable[P, R]:
    return with_callbacks(method)


def _kin(own: type[T]) -> type[T]:
    theirs = _theirs(own.__name__)
    return own if theirs is None else _joined(own, theirs)


def _theirs(name: str) -> type[Any] | None:
    found = getattr(sys.modules.get(_INTERFACE), name, None)
    return cast("type[Any]", found) if isinstance(found, type) else None


@functools.cache
def _joined(own: type[T], theirs: type[Any]) -> type[T]:
    members = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
    if own is FinalOutput:
        members |= {"__hash__": None}
    return type(own.__name__, (own, theirs), members)
