"""ModelAlias: a name of one's own for a model, with its settings, and what stands in for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from dspash.gateway.request import SETTINGS
from dspash.resources.kernel import Attribute, Resource, Scene, Values, create, update
from dspash.resources.provider import ConfigurableName, refuse_reserved
from dspash.resources.refusal import refused

__all__ = ["ModelAlias"]

ModelId = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=300)], ...], Field(max_length=16)]
Settings = dict[str, JsonValue]

_DEFAULTS = SETTINGS - {"extensions"}
"""What a request may have; a client's settings, such as its address, are the provider's to have."""


class ModelAlias(Resource, table="model_aliases"):
    """A name that programs use, such as `fast` or `smart`, and the model that it stands for at present."""

    name: Annotated[str, Attribute("What programs ask for.", unique=True, max_length=100)]
    provider: Annotated[str, Attribute("Whose model it is: a provider's name.", indexed=True, max_length=100)]
    model: Annotated[str, Attribute("The model's id at that provider.", max_length=200)]
    defaults: Annotated[
        Settings, Attribute("Settings of requests, such as `temperature`, where a program makes none.")
    ] = Field(default_factory=dict[str, JsonValue])
    fallbacks: Annotated[
        tuple[str, ...], Attribute("Names of models, asked in this order while the model fails.")
    ] = ()

    @create
    def create(
        scene: Scene,
        *,
        name: ConfigurableName,
        model: ModelId,
        provider: Annotated[str, Field(max_length=100)] | None = None,
        defaults: Settings | None = None,
        fallbacks: Names = (),
    ) -> Values:
        """Name a model: `provider` and `model`, or both as PROVIDER/MODEL."""
        refuse_reserved(name)
        _check(name, defaults, fallbacks)
        whose, id_ = _divided(provider, model)
        return {
            "name": name,
            "provider": whose,
            "model": id_,
            "defaults": defaults or {},
            "fallbacks": fallbacks,
        }

    @update
    def update(
        scene: Scene,
        record: ModelAlias,
        *,
        model: ModelId | None = None,
        provider: Annotated[str, Field(max_length=100)] | None = None,
        defaults: Settings | None = None,
        fallbacks: Names | None = None,
    ) -> Values:
        """Have the name stand for another model, or change its settings; what is not given stays."""
        _check(record.name, defaults, fallbacks or ())
        whose, id_ = record.provider, record.model
        if model is not None:
            whose, id_ = _divided(provider, model) if provider or "/" in model else (whose, model)
        elif provider is not None:
            whose = provider
        return {
            "provider": whose,
            "model": id_,
            "defaults": record.defaults if defaults is None else defaults,
            "fallbacks": record.fallbacks if fallbacks is None else fallbacks,
        }

    @property
    def target(self) -> str:
        """The name that it stands for."""
        return f"{self.provider}/{self.model}"


def _divided(provider: str | None, model: str) -> tuple[str, str]:
    if provider is None:
        provider, _, model = model.partition("/")
    if not provider or not model:
        raise refused("$.model", "say whose model it is: PROVIDER/MODEL, or provider and model each")
    return provider, model


def _check(name: str, defaults: Settings | None, fallbacks: tuple[str, ...]) -> None:
    wrong = sorted((defaults or {}).keys() - _DEFAULTS)
    if wrong:
        known = ", ".join(sorted(_DEFAULTS))
        raise refused(f"$.defaults.{wrong[0]}", f"is no setting of a request; there are {known}")
    if name in fallbacks:
        raise refused("$.fallbacks", "the alias cannot stand in for itself")
