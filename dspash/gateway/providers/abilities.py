"""Abilities: what DSPy may ask of a model, by what is known of the model and what its wire carries."""

from __future__ import annotations

from typing import Final

from dspash.gateway.port import Capabilities
from dspash.gateway.providers.model_table import ModelFacts
from dspash.gateway.providers.provider_type import Wire

__all__ = ["capabilities_of"]

_EVERYWHERE: Final = frozenset({"temperature", "max_tokens", "top_p", "stream"})
_BY_WIRE: Final = {
    Wire.CHAT: frozenset(
        "stop max_completion_tokens logprobs top_logprobs seed presence_penalty frequency_penalty user".split()
    ),
    Wire.RESPONSES: frozenset("max_completion_tokens logprobs top_logprobs".split()),
    Wire.MESSAGES: frozenset("stop top_k".split()),
    Wire.GENERATE: frozenset("stop top_k logprobs top_logprobs response_format".split()),
    Wire.LOCAL: frozenset[str](),
}
"""What lm15 can write of a request's settings, by wire; it leaves out the others and says so in the answer."""

_TOOLS: Final = frozenset({"tools", "tool_choice"})


def capabilities_of(facts: ModelFacts, wire: Wire) -> Capabilities:
    """What DSPy's adapters may count on. What is not known of a model it is taken not to do, as DSPy itself does."""
    params = _EVERYWHERE | _BY_WIRE[wire]
    if "tools" in facts.able:
        params |= _TOOLS
        if wire is not Wire.GENERATE:
            params |= {"parallel_tool_calls"}
    if "schema" in facts.able:
        params |= {"response_format"}
    if "reasoning" in facts.able:
        params |= {"reasoning_effort"}
    return Capabilities(
        supports_function_calling="tools" in facts.able,
        supports_response_schema="schema" in facts.able,
        supports_reasoning="reasoning" in facts.able,
        supported_params=params,
    )
