"""Sampling: DSPy's modules that try several times and keep the best; they say why when there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

import dspy
from dspy.utils.callback import BaseCallback

__all__ = ["BestOfN", "Refine", "note_failure"]

_failures: Final[ContextVar[list[Exception] | None]] = ContextVar("dspash_failed_attempts", default=None)


def note_failure(error: Exception) -> None:
    """Tell the sampling module that runs, if one does, why its attempt is about to fail."""
    noted = _failures.get()
    if noted is not None:
        noted.append(error)


class _ModuleFailures(BaseCallback):
    """Notes the errors of modules. The outermost one ends last, so an attempt's own error is the last that is noted."""

    def on_module_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        if isinstance(exception, Exception):
            note_failure(exception)


_module_failures: Final = _ModuleFailures()


class BestOfN(dspy.BestOfN):
    """Runs a module up to N times and returns the prediction with the highest reward."""

    def forward(self, **inputs: Any) -> Any:
        return _best(super().forward, inputs)


class Refine(dspy.Refine):
    """The same, with advice from each attempt to the next."""

    def forward(self, **inputs: Any) -> Any:
        return _best(super().forward, inputs)


def _best(run: Callable[..., Any], inputs: Mapping[str, Any]) -> Any:
    """Return what `run` finds best. Raises the last attempt's error where none succeeded: DSPy's own samplers print
    such errors, and return None.
    """
    failures: list[Exception] = []
    token = _failures.set(failures)
    try:
        with dspy.context(callbacks=[*dspy.settings.callbacks, _module_failures]):
            best = run(**inputs)
    finally:
        _failures.reset(token)
    if best is None and failures:
        raise failures[-1]
    return best
