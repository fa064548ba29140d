"""StoredProviders: the providers and aliases that tenants keep, as the gateway's directory has them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from loguru import logger

from dspash.errors import DspashError
from dspash.gateway.providers.connection import Connection
from dspash.gateway.providers.roster import ModelName, Roster
from dspash.resources.model_alias import ModelAlias
from dspash.resources.provider import Provider
from dspash.secrets import Vault

if TYPE_CHECKING:
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["Stamp", "StoredProviders"]

LOOK_AGAIN_S: Final = 1.0
"""How long a roster is taken as it was read: a change by another process is seen soon after."""

LOOK_FOR_NAME_S: Final = 0.1
"""How often a name that nobody knows is looked for: a program may ask for thousands of them."""

LOOKS_AT_ONCE: Final = 10
"""Looks for names that may come closer together: a host that keeps a provider and asks it at once finds it."""

Stamp: TypeAlias = tuple[tuple[str, int], ...]
"""Ids and versions of all records: equal as long as nothing has changed."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A tenant's roster, of which records it was made, and when it was last known to be true."""

    roster: Roster
    stamp: Stamp
    at: float


class StoredProviders:
    """Implements ConfiguredProviders; what is kept goes before what the environment has. Thread-safe.

    Only a tenant's first roster is waited for; after that the database is looked at by `executor`, which belongs to the
    caller. A name whose key or address cannot be had stays known, and is told with what is wrong when it is asked for.
    """

    def __init__(
        self,
        open_scene: Callable[[], StoredScene],
        vault: Vault,
        environment: Callable[[], Roster],
        executor: Executor,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_scene = open_scene
        self._vault = vault
        self._environment = environment
        self._executor = executor
        self._clock = clock
        self._lock = threading.Lock()
        self._read: dict[str, _Read] = {}
        self._looks_paid_until: dict[str, float] = {}
        self._looking: set[str] = set()

    def __repr__(self) -> str:
        return f"<StoredProviders tenants={len(self._read)}>"

    def roster(self, tenant: str) -> Roster:
        """As it was read a moment ago. Raises StoreError where it never was, and cannot be."""
        known = self._read.get(tenant)
        if known is None:
            return self._look(tenant)
        if self._clock() - known.at >= LOOK_AGAIN_S:
            self._look_later(tenant)
        return known.roster

    def fresh_roster(self, tenant: str) -> Roster:
        """As it is now, variables of the environment included. Raises StoreError.

        To a tenant that has asked too often, as it was a tenth of a second ago.
        """
        known = self._read.get(tenant)
        if known is not None and not self._may_look(tenant):
            return known.roster
        return self._look(tenant, anew=True)

    def _may_look(self, tenant: str) -> bool:
        """Each look takes LOOK_FOR_NAME_S of a time that runs ahead of the clock by LOOKS_AT_ONCE of them at most."""
        with self._lock:
            now = self._clock()
            paid_until = max(now, self._looks_paid_until.get(tenant, now))
            if paid_until - now > (LOOKS_AT_ONCE - 0.5) * LOOK_FOR_NAME_S:
                return False
            self._looks_paid_until[tenant] = paid_until + LOOK_FOR_NAME_S
            return True

    def _look_later(self, tenant: str) -> None:
        with self._lock:
            if tenant in self._looking:
                return
            self._looking.add(tenant)
        try:
            self._executor.submit(self._look_again, tenant)
        except RuntimeError:  # the executor is shut down: the app is closing
            self._looking.discard(tenant)

    def _look_again(self, tenant: str) -> None:
        try:
            self._look(tenant)
        except DspashError as error:
            # What was read before goes on to be true; the next look is due in a second again.
            logger.warning("the providers cannot be looked at: {}", error)
            with self._lock:
                self._read[tenant] = replace(self._read[tenant], at=self._clock())
        finally:
            self._looking.discard(tenant)

    def _look(self, tenant: str, *, anew: bool = False) -> Roster:
        now = self._clock()
        scene = self._open_scene()
        scene = scene.acting_for(replace(scene.context, tenant=tenant))
        with scene.snapshot() as view:
            providers = list(view.of(Provider).iterate())
            aliases = list(view.of(ModelAlias).iterate())
        stamp = tuple((str(record.id), record.version) for record in (*providers, *aliases))
        with self._lock:
            known = self._read.get(tenant)
            if known is not None and known.stamp == stamp and not anew:
                self._read[tenant] = replace(known, at=now)
                return known.roster
        roster = self._made(providers, aliases)
        with self._lock:
            known = self._read.get(tenant)
            if known is not None and known.roster == roster:
                roster = known.roster  # the same object, so that routes found in it stay found
            if known is None or known.at <= now:  # a look that began later has seen more
                self._read[tenant] = _Read(roster, stamp, now)
        return roster

    def _made(self, providers: list[Provider], aliases: list[ModelAlias]) -> Roster:
        connections: dict[str, Connection] = {}
        unusable: dict[str, str] = {}
        for record in providers:
            try:
                connections[record.name] = record.connection(self._vault)
            except DspashError as error:
                unusable[record.name] = str(error)
        kept = Roster(
            connections,
            {alias.name: ModelName(alias.target, dict(alias.defaults), alias.fallbacks) for alias in aliases},
            default=next((record.name for record in providers if record.is_default), None),
            unusable=unusable,
        )
        return kept.with_fallback_on(self._environment())
