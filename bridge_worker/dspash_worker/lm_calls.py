"""LM calls: what surrounds a call of a language model and never reaches its engine, carried beside it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import dspy

from dspash_protocol.trace import SpanKind
from dspash_worker.history import History, shown_options
from dspash_worker.tracing import Step, step

__all__ = ["FAULT", "LMCall", "NotedLM", "current_lm_call"]

FAULT: Final = "fault"
"""The attribute under which an LM error carries the host's fault: it says more than DSPy passes on."""


@dataclass(slots=True)
class LMCall:
    """One running `lm(...)`: its rollout, how many samples it has asked for, and the usage reported so far."""

    rollout_id: int | None
    samples: int = 0
    usage: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def next_sample(self) -> int:
        """Return the number of one more sample, from 0. DSPy asks for `n` completions one after the other."""
        number = self.samples
        self.samples += 1
        return number


_current: Final[ContextVar[LMCall | None]] = ContextVar("dspash_lm_call", default=None)


def current_lm_call() -> LMCall | None:
    """Return the LM call that this code runs inside, if any."""
    return _current.get()


class NotedLM(dspy.LM):
    """An LM whose calls are noted before DSPy strips what an engine is not shown, and kept in the worker's history.

    `rollout_id` is what tells otherwise equal requests apart, and DSPy keeps it from engines: without this, a cache in
    front of the model would answer BestOfN, Refine, MIPROv2 and SIMBA with one and the same sample. (A DSPy callback
    could do it too, at four times the cost.)
    """

    def __init__(self, model: str, *, notes: History, **options: Any) -> None:
        self._notes = notes
        super().__init__(model, **options)

    def __call__(self, prompt: Any = None, *, messages: Any = None, **options: Any) -> Any:
        with self._noted(messages or prompt, options) as outputs:
            outputs.append(super().__call__(prompt, messages=messages, **options))
        return outputs[0]

    async def acall(self, prompt: Any = None, *, messages: Any = None, **options: Any) -> Any:
        with self._noted(messages or prompt, options) as outputs:
            outputs.append(await super().acall(prompt, messages=messages, **options))
        return outputs[0]

    @contextmanager
    def _noted(self, asked: Any, given: dict[str, Any]) -> Generator[list[Any]]:
        options: dict[str, Any] = {**self.kwargs, **given}
        call = LMCall(options.pop("rollout_id", None))
        token = _current.set(call)
        outputs: list[Any] = []
        error: BaseException | None = None
        try:
            with step(SpanKind.LM, self.model) as noted:
                if noted is not None:
                    noted.add(
                        prompt=asked,
                        options=shown_options({**options, "rollout_id": call.rollout_id}) or None,
                    )
                yield outputs
                if noted is not None:
                    _add_answer(noted, outputs[0], call.usage)
        except BaseException as raised:
            error = raised
            # The error that goes on from here is DSPy's own, and streaming takes its cause away.
            fault = getattr(raised.__cause__, FAULT, None)
            if fault is not None:
                setattr(raised, FAULT, fault)
            raise
        finally:
            _current.reset(token)
            self._notes.record(
                model=self.model,
                asked=asked,
                options=options,
                rollout_id=call.rollout_id,
                outputs=outputs[0] if outputs else None,
                usage=call.usage,
                error=error,
            )


def _add_answer(noted: Step, outputs: Any, usage: list[dict[str, Any]]) -> None:
    """Note what the model has said, its reasoning where it gives that apart, and the tokens of all samples together."""
    reasoning = [
        output["reasoning_content"]
        for output in (outputs if isinstance(outputs, list) else [])
        if isinstance(output, dict) and output.get("reasoning_content")
    ]
    noted.add(response=outputs, reasoning="\n\n".join(map(str, reasoning)) or None, usage=_total(usage))


def _total(usage: list[dict[str, Any]]) -> dict[str, Any] | None:
    if len(usage) < 2:
        return usage[0] if usage else None
    return {name: sum(counts.get(name, 0) for counts in usage) for name in usage[0]}
