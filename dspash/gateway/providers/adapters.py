"""Adapters: what lm15 needs to speak to one connection."""

from __future__ import annotations

from typing import Any, Final

from lm15 import AsyncLMRouter, LMRouter, RouterConfig
from lm15.compat import OpenAIChatCompat
from lm15.features import AccessPolicy, EndpointSupport
from lm15.registry import ProviderDefinition

from dspash.gateway.providers.catalogue import COMPATIBLE, PROVIDER_TYPES
from dspash.gateway.providers.connection import Connection

__all__ = ["Adapter", "adapter_of", "model_string", "request_builder_of"]

Adapter = Any
"""One of lm15's asynchronous provider classes; they share methods, and no type."""

_STRICT: Final = OpenAIChatCompat(
    instruction_role="system",
    max_tokens_field="max_tokens",
    stream_usage="omit",
    thinking_format="none",
    tool_result_name="omit",
    strict_tools="omit",
    cache_control="none",
    tool_result_media="reject",
)
"""Servers that refuse fields they do not know: Mistral's, whose streams end with the usage unasked."""

_COMPATIBILITIES: Final = {
    # Cohere's compatibility API takes reasoning_effort (`none` and `high`), and usage in streams as OpenAI does.
    "cohere": OpenAIChatCompat.preset("vllm"),
    "mistral": _STRICT,
    "lmstudio": OpenAIChatCompat.preset("lmstudio"),
    COMPATIBLE: OpenAIChatCompat.preset("vllm"),
}
_UNSET: Final = "http://localhost"  # of a kind without an address of its own: each of its connections has one


def adapter_of(connection: Connection, transport: Any) -> Adapter:
    """What calls the provider. Raises lm15's NotConfiguredError where an address cannot be made of the settings."""
    return AsyncLMRouter(_config(connection, transport)).lm(model_string(connection, "any"))


def request_builder_of(connection: Connection, transport: Any) -> Adapter:
    """The same for building requests alone (`build_request`): it sends nothing."""
    return LMRouter(_config(connection, transport)).lm(model_string(connection, "any"))


def model_string(connection: Connection, model: str) -> str:
    """`model` as lm15 takes it. It takes off what is before the first colon, and ids have colons, too: `llama3.2:3b`."""
    return f"{connection.door}:{model}"


def _config(connection: Connection, transport: Any) -> RouterConfig:
    """All that lm15 may know; nothing is read from the environment, and no login of another program is used."""
    door = connection.door
    return RouterConfig(
        env={},
        api_keys={door: connection.sent_key()},
        base_urls=None if connection.base_url is None else {door: connection.base_url},
        settings={door: connection.settings} if connection.settings else None,
        transport=transport,
        providers=_declared(door),
    )


def _declared(door: str) -> tuple[ProviderDefinition, ...]:
    """The definition of a wire that lm15 has none for."""
    compat = _COMPATIBILITIES.get(door)
    if compat is None:
        return ()
    access = AccessPolicy(
        provider=door,
        supports=EndpointSupport(complete=True, stream=True, models=True),
        base_url=PROVIDER_TYPES[door].base_url or _UNSET,
    )
    return (ProviderDefinition.chat(access, compat=compat),)
