"""Warming: has DSPy do once, before any fork, what it does late: imports, compiled patterns, caches of signatures.

What one process has done, all its forks find done: the first Predict of a worker is then as quick as the tenth.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import dspy
from dspy import lm15
from dspy._vendor.lm15.serde import response_from_dict

from dspash_worker.history import History
from dspash_worker.lm_calls import AsksHost, NotedLM
from dspash_worker.runtime import set_up
from dspash_worker.versions import find_versions

__all__ = ["parrot_lm", "warm"]

_LATE: Final = (
    "dspash_worker.optimization",
    "dspash_worker.process_usage",
    "dspash_worker.signatures",
)

_ANSWERS: Final[dict[Callable[[], dspy.Adapter], str]] = {
    dspy.ChatAdapter: "[[ ## answer ## ]]\nwarm\n\n[[ ## completed ## ]]",
    dspy.JSONAdapter: '{"answer": "warm"}',
    dspy.XMLAdapter: "<answer>warm</answer>",
}


@dataclass(frozen=True, slots=True)
class _Parrot:
    """An engine that says one thing, whatever it is asked."""

    text: str
    model: str = "parrot"
    supports_function_calling: bool = False
    supports_response_schema: bool = False
    supports_reasoning: bool = False
    supported_params: frozenset[str] = frozenset()

    def complete(self, _request: lm15.Request) -> lm15.Response:
        return response_from_dict(self.answer())

    def answer(self) -> dict[str, Any]:
        """What it says, as it travels."""
        spoken = {"role": "assistant", "parts": [{"type": "text", "text": self.text}]}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        return {"model": self.model, "message": spoken, "finish_reason": "stop", "usage": usage}

    def close(self) -> None:
        """Nothing is open."""


class _QuickParrot(_Parrot, AsksHost):
    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.answer()


class _AsyncParrot(_Parrot):
    async def complete(self, request: lm15.Request) -> lm15.Response:  # type: ignore[override]
        return _Parrot.complete(self, request)


def parrot_lm(text: str) -> dspy.LM:
    """Return a model that says `text` and nothing else, and needs no host."""
    return _lm_of(_QuickParrot(text))


def _lm_of(engine: _Parrot) -> dspy.LM:
    async_engine = _AsyncParrot(engine.text)
    return NotedLM(
        "parrot", notes=History(), engine=engine, async_engine=async_engine, num_retries=0, cache=False
    )


def warm() -> None:
    """Run a Predict with every adapter, in both ways of calling. Takes some 10 ms, and leaves nothing configured."""
    for module in _LATE:
        importlib.import_module(module)
    set_up()
    find_versions()
    predict: Any = dspy.Predict("question -> answer")
    for adapter, text in _ANSWERS.items():
        with dspy.context(adapter=adapter(), disable_history=True, trace=[]):
            for engine in (_Parrot(text), _QuickParrot(text)):
                predict(question="warm?", lm=_lm_of(engine))
            asyncio.run(predict.acall(question="warm?", lm=_lm_of(_Parrot(text))))
