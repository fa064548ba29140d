"""ProviderDirectory: where names lead, by what is configured for a tenant and what the environment has."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from dspash.gateway.errors import AuthError, UnsupportedModelError
from dspash.gateway.port import Capabilities
from dspash.gateway.price import Price, Rates
from dspash.gateway.providers.naming import DEFAULT, OFFLINE, offline_target, split_name
from dspash.gateway.target import Route, Target

if TYPE_CHECKING:
    # What knows providers is loaded when the first of them is named: an app on `offline` does without.
    from dspash.gateway.providers.connection import Connection
    from dspash.gateway.providers.model_table import ModelFacts, ModelTable
    from dspash.gateway.providers.roster import Roster

__all__ = ["ConfiguredProviders", "EnvironmentOnly", "ProviderDirectory"]

_FREE: Final = Price(Rates(0.0, 0.0), "computed here")
_MOST_NAMES: Final = 1024  # routes remembered of one roster: programs make up names
_MOST_RETIRED: Final = 256  # connections that calls under way may still need


class ConfiguredProviders(Protocol):
    """Whoever knows what is configured."""

    def roster(self, tenant: str) -> Roster:
        """What `tenant` has. The same object as long as nothing has changed; from memory, or by one quick read."""
        ...

    def fresh_roster(self, tenant: str) -> Roster:
        """The same, read anew: a name was asked for that is not in it, and may have come since."""
        ...


@dataclass(frozen=True, slots=True)
class EnvironmentOnly:
    """Nothing is kept: every tenant has what the environment has."""

    found: Roster

    def roster(self, tenant: str) -> Roster:
        return self.found

    def fresh_roster(self, tenant: str) -> Roster:
        return self.found


@dataclass(slots=True)
class _Known:
    """One tenant's roster with the routes found in it."""

    roster: Roster
    routes: dict[str, Route] = field(default_factory=dict[str, Route])


class ProviderDirectory:
    """Implements Directory, PriceTable and Connections. Thread-safe.

    `default` is the name that programs' `default` leads to; without it, and where it says `default` itself, that is the
    provider that is the default, else `offline`.
    Names of the offline model are answered without a look at what is configured.
    """

    def __init__(
        self,
        configured: ConfiguredProviders,
        *,
        default: str | None = None,
        table: Callable[[], ModelTable] | None = None,
    ) -> None:
        self._configured = configured
        self._default = None if default == DEFAULT else default
        self._table = table or _bundled_table
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._connections: OrderedDict[str, Connection] = OrderedDict()

    def __repr__(self) -> str:
        return f"<ProviderDirectory default={self._default!r} tenants={len(self._known)}>"

    def default_name(self, tenant: str) -> str:
        """The name that `default` leads to."""
        return self._default or self._configured.roster(tenant).default or OFFLINE

    def resolve(self, name: str, tenant: str) -> Route:
        if name == DEFAULT:
            name = self.default_name(tenant)
        provider, variant = split_name(name)
        if provider == OFFLINE:
            return Route((offline_target(variant),))
        known = self._current(tenant, self._configured.roster(tenant))
        route = known.routes.get(name)
        if route is not None:
            return route
        try:
            route = known.roster.route(name, self._table())
        except UnsupportedModelError:
            known = self._current(tenant, self._configured.fresh_roster(tenant))
            route = known.roster.route(name, self._table())
        if len(known.routes) < _MOST_NAMES:
            known.routes[name] = route
        return route

    def capabilities(self, name: str, tenant: str) -> Capabilities:
        target = self.resolve(name, tenant).targets[0]
        if target.is_local:
            from dspash.gateway.offline import OfflineModel

            return OfflineModel().capabilities()
        from dspash.gateway.providers.abilities import capabilities_of

        connection = self.connection(target)
        return capabilities_of(self._facts(connection, target.model), connection.spoken)

    def price_of(self, target: Target) -> Price | None:
        """See PriceTable."""
        if target.is_local:
            return _FREE
        return self._facts(self.connection(target), target.model).price

    def connection(self, target: Target) -> Connection:
        """See Connections. Raises AuthError for a connection that has long been replaced."""
        with self._lock:
            found = self._connections.get(target.connection)
        if found is None:
            raise AuthError(
                f"{target.provider} has been changed since it was chosen; ask again", provider=target.provider
            )
        return found

    def roster(self, tenant: str) -> Roster:
        """All that `tenant` can name, as it is now."""
        return self._configured.fresh_roster(tenant)

    def _facts(self, connection: Connection, model: str) -> ModelFacts:
        return self._table().facts(connection.type, model, connection.models.get(model))

    def _current(self, tenant: str, roster: Roster) -> _Known:
        known = self._known.get(tenant)
        if known is not None and known.roster is roster:
            return known
        with self._lock:
            for connection in roster.connections.values():
                self._connections[connection.id] = connection
                self._connections.move_to_end(connection.id)
            in_use = len(roster.connections) + sum(
                len(each.roster.connections) for each in self._known.values()
            )
            while len(self._connections) > in_use + _MOST_RETIRED:
                self._connections.popitem(last=False)
            known = _Known(roster)
            self._known[tenant] = known
            return known


def _bundled_table() -> ModelTable:
    from dspash.gateway.providers.model_table import bundled_table

    return bundled_table()
