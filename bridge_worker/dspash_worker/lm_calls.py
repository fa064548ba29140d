"""LM calls: what surrounds a call of a language model and never reaches its engine, carried beside it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from dspy.utils.callback import BaseCallback

from dspash_worker.history import History

__all__ = ["FAULT", "LMCall", "LMCallback", "current_lm_call"]

FAULT: Final = "fault"
"""The attribute under which an LM error carries the host's fault: it says more than DSPy passes on."""


@dataclass(slots=True)
class LMCall:
    """One running `lm(...)`: its rollout, and the usage its engine has reported so far."""

    model: str
    rollout_id: int | None
    asked: Any
    options: dict[str, Any]
    usage: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    outer: LMCall | None = None


_current: Final[ContextVar[LMCall | None]] = ContextVar("dspash_lm_call", default=None)


def current_lm_call() -> LMCall | None:
    """Return the LM call that this code runs inside, if any."""
    return _current.get()


class LMCallback(BaseCallback):
    """Notes each call of the LM it is given to, before DSPy strips what an engine is not shown.

    `rollout_id` is what tells otherwise equal requests apart, and DSPy keeps it from engines: without this, a cache in
    front of the model would answer BestOfN, Refine, MIPROv2 and SIMBA with one and the same sample.
    """

    def __init__(self, history: History) -> None:
        self._history = history

    def __deepcopy__(self, _memo: dict[int, Any]) -> LMCallback:
        return self  # copies of an LM write the same history

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        options: dict[str, Any] = {**instance.kwargs, **inputs.get("kwargs", {})}
        rollout_id = options.pop("rollout_id", None)
        asked = inputs.get("messages") or inputs.get("prompt")
        _current.set(LMCall(instance.model, rollout_id, asked, options, outer=_current.get()))

    def on_lm_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        call = _current.get()
        if call is None:
            return
        _current.set(call.outer)
        # DSPy's error is what goes on from here; streaming takes its cause away.
        fault = getattr(exception.__cause__, FAULT, None) if exception is not None else None
        if fault is not None:
            setattr(exception, FAULT, fault)
        self._history.record(
            model=call.model,
            asked=call.asked,
            options=call.options,
            rollout_id=call.rollout_id,
            outputs=outputs,
            usage=call.usage,
            error=None if exception is None else f"{type(exception).__name__}: {exception}",
        )
