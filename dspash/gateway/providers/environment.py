"""The environment as configuration: a key found there makes its provider available, at the address found there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dspash.errors import ConfigurationError
from dspash.gateway.providers.catalogue import PROVIDER_TYPES
from dspash.gateway.providers.connection import Connection, address_of
from dspash.gateway.providers.provider_type import ProviderType
from dspash.gateway.providers.roster import Roster
from dspash.secrets import Secret

__all__ = ["environment_roster", "keys_found", "no_key_notice"]

_NAMED: Final = 3  # variables in a message


def environment_roster(environ: Mapping[str, str]) -> Roster:
    """The providers that `environ` makes available, each named as its kind; one whose address is none is unusable."""
    connections: dict[str, Connection] = {}
    unusable: dict[str, str] = {}
    for kind in PROVIDER_TYPES.values():
        try:
            found = None if kind.is_local else _connection(kind, environ)
        except ConfigurationError as error:
            unusable[kind.name] = f"{_first(environ, kind.url_variables)} {error.problem}; {error.way_out}"
            continue
        if found is not None:
            connections[kind.name] = found
    return Roster(connections, unusable=unusable)


def keys_found(environ: Mapping[str, str]) -> dict[str, str]:
    """The variable that holds a key, by the kind of provider: names alone, no keys."""
    found = {kind.name: _first(environ, kind.key_variables) for kind in PROVIDER_TYPES.values()}
    return {name: variable for name, variable in found.items() if variable is not None}


def no_key_notice(environ: Mapping[str, str]) -> str | None:
    """One line for people where no key is found, None where one is."""
    if keys_found(environ):
        return None
    variables = [kind.key_variables[0] for kind in PROVIDER_TYPES.values() if kind.key_variables][:_NAMED]
    return (
        f"No provider's key is in the environment ({', '.join(variables)} …): "
        "programs use `offline`, a small deterministic model that is no LLM."
    )


def _connection(kind: ProviderType, environ: Mapping[str, str]) -> Connection | None:
    """A connection, where all that it takes is there."""
    key_variable = _first(environ, kind.key_variables)
    if kind.needs_key and key_variable is None:
        return None
    url_variable = _first(environ, kind.url_variables)
    base_url = address_of(kind, None if url_variable is None else environ[url_variable])
    settings = {name: environ[variable] for name, variable in kind.setting_variables if environ.get(variable)}
    if base_url is None and not settings:
        return None
    key = None if key_variable is None else Secret(environ[key_variable].strip())
    return Connection(kind.name, kind, base_url, key, settings={} if base_url else settings)


def _first(environ: Mapping[str, str], variables: tuple[str, ...]) -> str | None:
    """The first of the variables that is set to something."""
    return next((name for name in variables if environ.get(name, "").strip()), None)
