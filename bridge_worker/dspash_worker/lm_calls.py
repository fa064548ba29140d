"""LM calls: what surrounds a call of a language model and never reaches its engine, carried beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import dspy

from dspash_protocol.trace import SpanKind
from dspash_worker.history import History, shown_options
from dspash_worker.plain_chat import read_plain_answer, write_plain_request
from dspash_worker.tracing import Step, step

__all__ = ["FAULT", "AsksHost", "LMCall", "NotedLM", "current_lm_call"]

FAULT: Final = "fault"
"""The attribute under which an LM error carries the host's fault: it says more than DSPy passes on."""


@dataclass(slots=True)
class LMCall:
    """One running `lm(...)`: its rollout, how many samples it has asked for, and the usage reported so far.

    `answers` holds what the host has answered before DSPy comes to ask for it, or the error instead.
    """

    rollout_id: int | None
    samples: int = 0
    usage: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answers: list[Any] = field(default_factory=list[Any])

    def next_sample(self) -> int:
        """Return the number of one more sample, from 0. DSPy asks for `n` completions one after the other."""
        number = self.samples
        self.samples += 1
        return number

    def take_answer(self) -> Any:
        """Return the answer that is there, once. Raises it when it is an error."""
        answer = self.answers.pop()
        if isinstance(answer, Exception):
            raise answer
        return answer


_current: Final[ContextVar[LMCall | None]] = ContextVar("dspash_lm_call", default=None)


def current_lm_call() -> LMCall | None:
    """Return the LM call that this code runs inside, if any."""
    return _current.get()


class AsksHost(ABC):
    """What an engine is that takes requests as they travel, beside those of DSPy's."""

    @abstractmethod
    def ask(self, request: dict[str, Any]) -> Any:
        """Send an lm15 Request; what is answered, an lm15 Response if all is well. Raises LM15Error."""


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
        with self._noting(messages or prompt, options) as noting, step(SpanKind.LM, self.model) as noted:
            noting.begin(noted)
            noting.outputs = self._complete(prompt, messages, options, noting.call)
            noting.end(noted)
        return noting.outputs

    def _complete(self, prompt: Any, messages: Any, options: dict[str, Any], call: LMCall) -> Any:
        """Have a plain chat answered at once; all else, and what is answered with more than a text, is for DSPy."""
        request = write_plain_request(self, messages, options) if prompt is None else None
        if request is not None and isinstance(self._engine_spec, AsksHost):
            try:
                answer = self._engine_spec.ask(request)
            except Exception as error:  # noqa: BLE001 - DSPy knows what to call it
                call.answers.append(error)
            else:
                plain = read_plain_answer(answer)
                if plain is not None:
                    call.usage.append(plain.counts)
                    if dspy.settings.usage_tracker:
                        dspy.settings.usage_tracker.add_usage(self.model, plain.usage)
                    return [plain.text]
                call.answers.append(answer)
        return super().__call__(prompt, messages=messages, **options)

    async def acall(self, prompt: Any = None, *, messages: Any = None, **options: Any) -> Any:
        with self._noting(messages or prompt, options) as noting, step(SpanKind.LM, self.model) as noted:
            noting.begin(noted)
            noting.outputs = await super().acall(prompt, messages=messages, **options)
            noting.end(noted)
        return noting.outputs

    def _noting(self, asked: Any, given: dict[str, Any]) -> _Noting:
        options: dict[str, Any] = {**self.kwargs, **given}
        return _Noting(self.model, asked, LMCall(options.pop("rollout_id", None)), options, self._notes)


class _Noting:
    """One call of a model from beginning to end: what runs inside finds it, and `notes` hear of it afterwards."""

    __slots__ = ("_asked", "_model", "_notes", "_options", "_token", "call", "outputs")

    def __init__(
        self, model: str, asked: Any, call: LMCall, options: Mapping[str, Any], notes: History
    ) -> None:
        self.outputs: Any = None
        self._model = model
        self._asked = asked
        self.call = call
        self._options = options
        self._notes = notes
        self._token: Token[LMCall | None] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set(self.call)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None:
            # The error that goes on from here is DSPy's own, and streaming takes its cause away.
            fault = getattr(error.__cause__, FAULT, None)
            if fault is not None:
                setattr(error, FAULT, fault)
        if self._token is not None:
            _current.reset(self._token)
        self._notes.record(
            model=self._model,
            asked=self._asked,
            options=self._options,
            rollout_id=self.call.rollout_id,
            outputs=self.outputs,
            usage=self.call.usage,
            error=error,
        )

    def begin(self, noted: Step | None) -> None:
        """Note what the model is asked, where the call is traced."""
        if noted is not None:
            options = {**self._options, "rollout_id": self.call.rollout_id}
            noted.add(prompt=self._asked, options=shown_options(options) or None)

    def end(self, noted: Step | None) -> None:
        """Note what it has answered."""
        if noted is not None:
            _add_answer(noted, self.outputs, self.call.usage)


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
