"""An engine for DSPy that asks the offline model in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import dspy
from dspy._vendor.lm15.serde import request_to_dict, response_from_dict, stream_event_from_dict
from dspy.signatures.signature import make_signature
from dspy.utils.callback import BaseCallback

from dspash.gateway import JsonMap, OfflineModel

ADAPTERS = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter}

_rollout: ContextVar[int | None] = ContextVar("rollout", default=None)


class RolloutNote(BaseCallback):
    """Notes the rollout of each call: DSPy does not show it to engines."""

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        options = {**instance.kwargs, **(inputs.get("kwargs") or {})}
        _rollout.set(options.get("rollout_id"))


class OfflineEngine:
    """Answers lm15 requests through their dict form; `said` keeps (request, response) pairs."""

    def __init__(self) -> None:
        self.model = OfflineModel()
        self.said: list[tuple[JsonMap, JsonMap]] = []
        capabilities = self.model.capabilities()
        self.supports_function_calling = capabilities.supports_function_calling
        self.supports_response_schema = capabilities.supports_response_schema
        self.supports_reasoning = capabilities.supports_reasoning
        self.supported_params = capabilities.supported_params

    def complete(self, request: Any) -> Any:
        asked = request_to_dict(request)
        response = self.model.complete(asked, meta={"rollout_id": _rollout.get()}, deadline=None)
        self.said.append((asked, response))
        return response_from_dict(response)

    def stream(self, request: Any) -> Iterator[Any]:
        meta: JsonMap = {"rollout_id": _rollout.get()}
        for event in self.model.stream(request_to_dict(request), meta=meta, deadline=None):
            yield stream_event_from_dict(event)

    def close(self) -> None:
        """Nothing is held."""

    def __deepcopy__(self, memo: dict[int, Any]) -> OfflineEngine:
        return self


def signature_of(fields: str | dict[str, Any], instructions: str | None = None) -> type[dspy.Signature]:
    """Make a signature, as `dspy.Signature(…)` does; that one is typed as the class it is called on."""
    return make_signature(fields, instructions)


def asking(text: str, **more: Any) -> JsonMap:
    """Return the smallest request: one user message, with further request fields."""
    return {
        "model": "offline",
        "messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}],
        **more,
    }


def text_of(response: JsonMap) -> str:
    """Return the joined text of a response."""
    message = response["message"]
    assert isinstance(message, dict)
    parts = message["parts"]
    assert isinstance(parts, list)
    return "".join([str(part["text"]) for part in parts if isinstance(part, dict) and part["type"] == "text"])
