"""Provider: where language models are asked, and with which key."""

from __future__ import annotations

import os
from typing import Annotated, Any, Final

from pydantic import Field, JsonValue

from dspash.errors import ConfigurationError
from dspash.gateway.providers.catalogue import PROVIDER_TYPES
from dspash.gateway.providers.naming import RESERVED
from dspash.resources.kernel import Attribute, Resource, Scene, Values, create, generic, update
from dspash.resources.provider_config import ProviderConfig, connection_of
from dspash.resources.refusal import refused
from dspash.resources.runtime import runtime_of
from dspash.secrets import Secret, Vault, user_vault

__all__ = ["ConfigurableName", "Provider", "refuse_reserved", "vault"]

ConfigurableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
"""Names that stand before a model's own: they have no slash and no colon."""

_PROBE_S: Final = 20.0
_LOT: Final = 500


class Provider(Resource, table="providers"):
    """A provider of language models. Programs name a model of it as NAME/MODEL.

    Its key is kept sealed, or not at all where the key is `env:NAME`, the name of a variable that is read when a model
    is asked. It is never shown, audited or exported.
    """

    name: Annotated[str, Attribute("What stands before the model: NAME/MODEL.", unique=True, max_length=100)]
    type: Annotated[str, Attribute("Which kind of provider it is.", indexed=True, max_length=40)]
    config: Annotated[ProviderConfig, Attribute("How it is reached, and what is stated of its models.")]
    is_default: Annotated[bool, Attribute("Whether its model is asked where a program names none.")] = False
    api_key: Annotated[
        str | None, Attribute("The key, sealed; or `env:` and the variable that holds it.", sensitive=True)
    ] = None

    @create
    def create(
        scene: Scene,
        *,
        name: ConfigurableName,
        type: str | None = None,
        api_key: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None,
        config: ProviderConfig | None = None,
        is_default: bool = False,
    ) -> Values:
        """Add a provider. Without a type it is of the kind that its name says. The key may be `env:NAME`.

        The default is the one whose `config.model` is asked where a program names none; there is one at most.
        """
        refuse_reserved(name)
        kind, config = type or name, config or ProviderConfig()
        connection_of(name, kind, config)
        if PROVIDER_TYPES[kind].needs_key and api_key is None:
            variable = PROVIDER_TYPES[kind].key_variables[0]
            raise refused("$.api_key", f"missing; give the key, or env:{variable} to read it from there")
        _become_default(scene, config, is_default=is_default)
        kept = None if api_key is None else _kept(api_key)
        return {"name": name, "type": kind, "config": config, "is_default": is_default, "api_key": kept}

    @update
    def update(
        scene: Scene,
        record: Provider,
        *,
        name: ConfigurableName | None = None,
        api_key: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None,
        config: ProviderConfig | None = None,
        is_default: bool | None = None,
    ) -> Values:
        """Change what is given; a config is replaced as a whole. Calls under way end with what they began with."""
        changes: Values = {}
        if name is not None:
            refuse_reserved(name)
            changes["name"] = name
        if config is not None:
            connection_of(name or record.name, record.type, config)
            changes["config"] = config
        if api_key is not None:
            changes["api_key"] = _kept(api_key)
        will_be = record.is_default if is_default is None else is_default
        _become_default(scene, config or record.config, is_default=will_be, but=record)
        return {**changes, "is_default": will_be}

    @update
    def reseal(scene: Scene, record: Provider) -> Values:
        """Seal the key with the newest of the keys that secrets are sealed with, so that the older ones can go."""
        return {} if record.api_key is None else {"api_key": vault().reseal(record.api_key)}

    @generic
    def models(scene: Scene, record: Provider) -> list[str]:
        """The ids of the models that it lists, asked of itself. Raises GatewayError."""
        from dspash.gateway.providers.probing import probe

        return list(probe(record.connection(vault()), timeout_s=_PROBE_S).models)

    @generic
    def test(scene: Scene, record: Provider) -> dict[str, JsonValue]:
        """Whether it answers, with this key: `{ok, latency_ms, models, problem}`, by listing its models, which costs nothing."""
        from dspash.gateway import GatewayError
        from dspash.gateway.providers.probing import probe

        try:
            found = probe(record.connection(vault()), timeout_s=_PROBE_S)
        except (GatewayError, ConfigurationError) as error:
            return {"ok": False, "latency_ms": None, "models": None, "problem": str(error)}
        return {
            "ok": True,
            "latency_ms": round(found.latency_s * 1000, 1),
            "models": len(found.models),
            "problem": None,
        }

    @generic
    def generate(
        scene: Scene,
        record: Provider,
        *,
        prompt: str,
        model: str | None = None,
        options: dict[str, JsonValue] | None = None,
    ) -> str:
        """Answer one prompt through the gateway, as a program's would be: within budgets, cached and recorded."""
        name = record.name if model is None else f"{record.name}/{model}"
        return runtime_of(scene).generate(name, prompt, options or {})

    def connection(self, vault: Vault) -> Any:
        """How it is reached, with its key. Raises ConfigurationError where the key cannot be had."""
        key = self.opened_key(vault)
        return connection_of(self.name, self.type, self.config, key)

    def opened_key(self, vault: Vault) -> Secret | None:
        """Its key; None where it has none. Raises ConfigurationError where there should be one and is not."""
        if self.api_key is None:
            if PROVIDER_TYPES[self.type].needs_key:  # as after an import: keys are not exported
                raise ConfigurationError(
                    f"provider {self.name}", "it has no key", "update it with its api_key"
                )
            return None
        key = vault.open(self.api_key)
        if key is None:
            variable = self.api_key.partition(":")[2]
            raise ConfigurationError(
                f"provider {self.name}", f"its key is in {variable}, which is not set", "set it"
            )
        return key


def vault() -> Vault:
    """What seals and opens the keys of this user's providers."""
    return user_vault(os.environ)


def refuse_reserved(name: str) -> None:
    """Raise InvalidInputError for a name that means something already."""
    if name in RESERVED:
        raise refused("$.name", f"{name} is what dspash itself calls a model")


def _kept(api_key: str) -> str:
    try:
        return vault().kept_form(api_key)
    except ConfigurationError as error:
        raise refused("$.api_key", f"cannot be kept: {error}") from None


def _become_default(
    scene: Scene, config: ProviderConfig, *, is_default: bool, but: Provider | None = None
) -> None:
    """Make way for a new default. Raises InvalidInputError where it says no model."""
    if not is_default:
        return
    if config.model is None:
        raise refused("$.config.model", "missing: programs that name no model ask the default provider's")
    for other in scene.of(Provider).list(filter={"is_default": True}, limit=_LOT).items:
        if but is None or other.id != but.id:
            scene.of(Provider).update(other, is_default=False)
