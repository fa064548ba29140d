"""Instruments: where DSPy runs modules and tools, made to note their steps.

DSPy's own callbacks would tell the same at several times the cost. Nothing is changed before a call asks for a trace.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import dspy

from dspash_protocol.trace import SpanKind
from dspash_worker.tracing import Step, step

__all__ = ["UNTOLD", "install"]

UNTOLD: Final = "is_untold"
"""Modules whose class has this attribute, itself, are no steps: they are ours, and surround a program."""

_lock: Final = threading.Lock()
_OpenStep = Callable[[Any], AbstractContextManager[Step | None]]


def install() -> None:
    """Have DSPy's modules and tools note their steps, in the whole process, once."""
    if getattr(dspy.Module.__call__, "notes_steps", False):
        return
    with _lock:
        if getattr(dspy.Module.__call__, "notes_steps", False):
            return
        for owner, open_step in ((dspy.Tool, _tool_step), (dspy.Module, _module_step)):
            kind: Any = owner
            kind.acall = _awaited(kind.acall, open_step)
            kind.__call__ = _called(kind.__call__, open_step)


def _module_step(module: Any) -> AbstractContextManager[Step | None]:
    return step(SpanKind.MODULE, "", module, type=type(module).__name__)


def _tool_step(tool: Any) -> AbstractContextManager[Step | None]:
    return step(SpanKind.TOOL, str(tool.name), tool)


def _called(call: Callable[..., Any], open_step: _OpenStep) -> Callable[..., Any]:
    @functools.wraps(call)
    def __call__(subject: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - DSPy looks who calls `forward`
        if UNTOLD in vars(type(subject)):
            return call(subject, *args, **kwargs)
        with open_step(subject) as noted:
            if noted is None:
                return call(subject, *args, **kwargs)
            noted.add(inputs=_inputs(args, kwargs))
            result = call(subject, *args, **kwargs)
            _add_outputs(noted, result)
            return result

    setattr(__call__, "notes_steps", True)  # noqa: B010 - no attribute that a type checker knows
    return __call__


def _awaited(call: Callable[..., Any], open_step: _OpenStep) -> Callable[..., Any]:
    @functools.wraps(call)
    async def acall(subject: Any, *args: Any, **kwargs: Any) -> Any:
        if UNTOLD in vars(type(subject)):
            return await call(subject, *args, **kwargs)
        with open_step(subject) as noted:
            if noted is None:
                return await call(subject, *args, **kwargs)
            noted.add(inputs=_inputs(args, kwargs))
            result = await call(subject, *args, **kwargs)
            _add_outputs(noted, result)
            return result

    return acall


def _inputs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**kwargs, "args": args} if args else kwargs


def _add_outputs(noted: Step, result: Any) -> None:
    # A Prediction is an Example too.
    noted.add(outputs=dict(result.items()) if isinstance(result, dspy.Example) else result)
