"""ProviderConfig: how a provider is reached beside its key, and what its owner states of it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dspash.errors import ConfigurationError
from dspash.gateway.providers.connection import Connection, address_of, provider_type
from dspash.gateway.providers.provider_type import Wire
from dspash.gateway.target import KeyLimits
from dspash.resources.refusal import refused
from dspash.secrets import Secret

__all__ = ["Count", "LongPrompts", "ModelStatement", "ProviderConfig", "USDollars", "connection_of"]

USDollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A million tokens."""
Count = Annotated[int, Field(ge=1)]


class LongPrompts(BaseModel):
    """What requests cost that read more than so many tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    above: Count
    input: USDollars
    output: USDollars
    cache_read: USDollars | None = None
    cache_write: USDollars | None = None


class ModelStatement(BaseModel):
    """What the owner states of one model; it goes before what the table of models says. Prices are US dollars a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    like: Annotated[str | None, Field(max_length=200)] = None
    """An entry of the table that holds for the rest: `azure/gpt-4o` for a deployment of that model."""
    input: USDollars | None = None
    output: USDollars | None = None
    cache_read: USDollars | None = None
    cache_write: USDollars | None = None
    reasoning: USDollars | None = None
    long: LongPrompts | None = None
    max_input: Count | None = None
    max_output: Count | None = None
    able: tuple[Literal["tools", "schema", "reasoning", "images", "audio", "files"], ...] | None = None


class ProviderConfig(BaseModel):
    """Everything of a provider that is no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Annotated[str | None, Field(max_length=2_000)] = None
    """Where it is; without it, where its kind usually is."""
    model: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    """What is asked where a program names the provider alone."""
    wire: Literal["chat", "responses"] | None = None
    """Which of OpenAI's languages is spoken, where a kind has both."""
    settings: dict[str, str] = Field(default_factory=dict[str, str])
    """What an address is made of, such as Azure's `resource`."""
    models: dict[str, ModelStatement] = Field(default_factory=dict[str, ModelStatement])
    """Prices, limits and abilities of single models, by their ids."""
    concurrency: Count | None = None
    """Requests at a time with this key."""
    requests_per_min: Count | None = None
    tokens_per_min: Count | None = None


_AS_IT_IS: Final = ProviderConfig()


def connection_of(
    name: str, type: str, config: ProviderConfig | None = None, key: Secret | None = None, *, path: str = "$"
) -> Connection:
    """The connection that this describes. Raises InvalidInputError for what makes none, with its place under `path`."""
    config = config or _AS_IT_IS
    try:
        kind = provider_type(type)
        if kind.is_local:
            raise refused(f"{path}.type", f"{type} is always there, and nothing of it can be configured")
        base_url = address_of(kind, config.base_url) if config.base_url or not config.settings else None
        if base_url is None and not config.settings:
            needed = " or ".join(["base_url", *(f"settings.{name}" for name, _ in kind.setting_variables)])
            raise refused(
                f"{path}.config.base_url", f"missing: {kind.title} has no address of its own; give {needed}"
            )
        return Connection(
            name=name,
            type=kind,
            base_url=base_url,
            key=key,
            wire=None if config.wire is None else Wire(config.wire),
            settings=dict(config.settings),
            models={model: _stated(statement) for model, statement in config.models.items()},
            default_model=config.model,
            limits=_limits(config),
        )
    except ConfigurationError as error:
        place = "type" if error.path == "type" else f"config.{error.path}"
        raise refused(f"{path}.{place}", f"{error.problem}; {error.way_out}") from None


def _stated(statement: ModelStatement) -> dict[str, Any]:
    return statement.model_dump(exclude_none=True)


def _limits(config: ProviderConfig) -> KeyLimits:
    usual = KeyLimits()
    return KeyLimits(config.concurrency or usual.concurrency, config.requests_per_min, config.tokens_per_min)
