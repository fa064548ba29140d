"""Roster: the providers and aliases that one tenant has, and where names lead among them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from dspash.gateway.errors import UnsupportedModelError
from dspash.gateway.port import JsonMap, JsonValue
from dspash.gateway.providers.catalogue import PROVIDER_TYPES
from dspash.gateway.providers.connection import Connection
from dspash.gateway.providers.model_table import ModelTable
from dspash.gateway.providers.naming import OFFLINE, offline_target, split_name
from dspash.gateway.target import Route, Target

__all__ = ["ModelName", "Roster"]

_DEEPEST: Final = 8  # aliases of aliases
_SHOWN: Final = 12  # names in a message


@dataclass(frozen=True, slots=True)
class ModelName:
    """What an alias stands for: `model` is a name itself, such as `openai/gpt-4o-mini`."""

    model: str
    defaults: JsonMap = field(default_factory=dict[str, JsonValue])
    """Of a request's `config`, where the request says nothing itself."""
    fallbacks: tuple[str, ...] = ()
    """Names asked in this order when the model fails."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Connections by the provider's name, and aliases by theirs. An alias goes before a provider of the same name."""

    connections: Mapping[str, Connection] = field(default_factory=dict[str, Connection])
    aliases: Mapping[str, ModelName] = field(default_factory=dict[str, ModelName])
    default: str | None = None
    """The name that DEFAULT leads to; None where the host is to say."""
    unusable: Mapping[str, str] = field(default_factory=dict[str, str])
    """What keeps a provider that is configured from being asked, by its name."""

    def with_fallback_on(self, other: Roster) -> Roster:
        """This roster, and of `other` what it has no name for."""
        return Roster(
            {
                **{name: each for name, each in other.connections.items() if name not in self.unusable},
                **self.connections,
            },
            {**other.aliases, **self.aliases},
            self.default or other.default,
            {
                **{name: why for name, why in other.unusable.items() if name not in self.connections},
                **self.unusable,
            },
        )

    def route(self, name: str, table: ModelTable) -> Route:
        """Where `name` leads. Raises UnsupportedModelError with near names and the way out."""
        targets = self._targets(name, table, {}, ())
        return Route(tuple(dict.fromkeys(targets)))

    def _targets(
        self, name: str, table: ModelTable, defaults: JsonMap, seen: tuple[str, ...]
    ) -> Iterator[Target]:
        alias = self.aliases.get(name)
        if alias is None:
            yield self._target(name, table, defaults)
            return
        if name in seen or len(seen) >= _DEEPEST:
            raise UnsupportedModelError(
                name, way_out=f"its alias leads back to itself: {' → '.join((*seen, name))}"
            )
        merged: JsonMap = {**alias.defaults, **defaults}
        for each in (alias.model, *alias.fallbacks):
            yield from self._targets(each, table, merged, (*seen, name))

    def _target(self, name: str, table: ModelTable, defaults: JsonMap) -> Target:
        provider, model = split_name(name)
        if provider == OFFLINE:
            return offline_target(model)
        connection = self.connections.get(provider)
        if connection is None:
            raise UnsupportedModelError(name, self._names(), way_out=self._way_out(name, table))
        model = model or connection.default_model or ""
        if not model:
            raise UnsupportedModelError(
                name, way_out=f"{provider} is a provider: say which model of it, {provider}/MODEL"
            )
        facts = table.facts(connection.type, model, connection.models.get(model))
        return connection.target(model, defaults, most_output=facts.max_output)

    def _names(self) -> list[str]:
        return [*self.aliases, *self.connections, OFFLINE]

    def _way_out(self, name: str, table: ModelTable) -> str:
        provider, model = split_name(name)
        if provider in self.unusable:
            return self.unusable[provider]
        kind = PROVIDER_TYPES.get(provider)
        if kind is not None and kind.key_variables:
            return (
                f"there is no key of {kind.title}: set {kind.key_variables[0]}, "
                f"or keep one with `dspash providers create --name {kind.name} --type {kind.name} --api-key KEY`"
            )
        if kind is not None:
            return f"no address of {kind.title} is known: set {kind.url_variables[0]}"
        near = difflib.get_close_matches(provider if model else name, self._names(), n=3, cutoff=0.6)
        if not model:
            near += [
                f"{connection.name}/{name}"
                for connection in self.connections.values()
                if table.facts(connection.type, name).max_input is not None
            ]
        if near:
            return f"near are {', '.join(dict.fromkeys(near))}"
        return (
            f"models are called PROVIDER/MODEL, or by an alias; there are {', '.join(self._names()[:_SHOWN])}"
        )
