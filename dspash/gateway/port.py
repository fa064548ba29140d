"""The port that every model behind the gateway implements: one request in, one response or one stream out.

Requests, responses and stream events travel as dicts, in the form that lm15 gives them (`request_to_dict`,
`response_to_dict`, `stream_event_to_dict`). A port is itself a good place to stand: what caches, retries or limits
calls to a model is again a LanguageModel, holding the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

__all__ = ["Capabilities", "JsonMap", "JsonValue", "LanguageModel"]

JsonValue: TypeAlias = "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]"
JsonMap: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model understands, in the words DSPy asks in: its adapters shape their prompts by these."""

    supports_function_calling: bool = False
    supports_response_schema: bool = False
    supports_reasoning: bool = False
    supported_params: frozenset[str] = field(default_factory=frozenset[str])

    def to_map(self) -> JsonMap:
        """The same as JSON, parameter names sorted: what `lm.capabilities` answers on the wire."""
        return {
            "supports_function_calling": self.supports_function_calling,
            "supports_response_schema": self.supports_response_schema,
            "supports_reasoning": self.supports_reasoning,
            "supported_params": list[JsonValue](sorted(self.supported_params)),
        }


class LanguageModel(Protocol):
    """One model behind the gateway; every method may be called from many threads at once."""

    def complete(self, request: JsonMap, *, meta: JsonMap, deadline: float | None) -> JsonMap:
        """Answer one request (an lm15 Request as a dict) with one response (an lm15 Response as a dict).

        `meta` carries what is no part of the request but must tell answers apart: DSPy's `rollout_id`, and `sample`,
        the number of a further completion of the same request.
        `deadline` is absolute and monotonic, in seconds; None means that the caller waits as long as it takes.
        Neither dict is changed or kept. Raises GatewayError, and nothing else that the caller should handle.
        """
        ...

    def stream(self, request: JsonMap, *, meta: JsonMap, deadline: float | None) -> Iterator[JsonMap]:
        """Answer one request as lm15 stream events: one start, any number of deltas, one end with the usage.

        The joined deltas are what `complete` would have answered. Closing the iterator abandons the call; errors
        are raised from it as GatewayError, also after deltas were delivered.
        """
        ...

    def capabilities(self) -> Capabilities:
        """What this model understands; constant for the life of the model."""
        ...
