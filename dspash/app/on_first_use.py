"""On first use: what is only needed for providers, made when the first of them is asked."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from dspash.gateway.port import Capabilities, JsonMap
from dspash.gateway.target import Directory, Route, Target
from dspash.gateway.upstream import EmbeddingReply, Reply, TokenCount, Upstream

if TYPE_CHECKING:
    from dspash.gateway.providers.directory import ConfiguredProviders
    from dspash.gateway.providers.roster import Roster
    from dspash.gateway.providers.wires import Connections

__all__ = ["DirectoryOnFirstUse", "ProvidersOnFirstUse", "WiresOnFirstUse"]


class WiresOnFirstUse:
    """The wires to the providers; the libraries that they need take a while to load. Implements Upstream."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._made: Upstream | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<WiresOnFirstUse {self._made!r}>"

    async def complete(self, target: Target, request: JsonMap, *, deadline: float | None) -> Reply:
        """See Upstream."""
        return await self._wires().complete(target, request, deadline=deadline)

    async def stream(
        self, target: Target, request: JsonMap, *, deadline: float | None
    ) -> AsyncGenerator[JsonMap | Reply]:
        """See Upstream."""
        async with aclosing(self._wires().stream(target, request, deadline=deadline)) as items:
            async for item in items:
                yield item

    async def embed(
        self, target: Target, inputs: Sequence[str], *, options: JsonMap, deadline: float | None
    ) -> EmbeddingReply:
        """See Upstream."""
        return await self._wires().embed(target, inputs, options=options, deadline=deadline)

    async def count_tokens(self, target: Target, request: JsonMap, *, deadline: float | None) -> TokenCount:
        """See Upstream."""
        return await self._wires().count_tokens(target, request, deadline=deadline)

    async def aclose(self) -> None:
        """See Upstream. Nothing is made for it."""
        if self._made is not None:
            await self._made.aclose()

    def _wires(self) -> Upstream:
        with self._lock:
            if self._made is None:
                from dspash.gateway.providers.wires import Wires

                self._made = Wires(self._connections)
            return self._made


class ProvidersOnFirstUse:
    """The providers that are configured, read when a name of one is looked up. Implements ConfiguredProviders."""

    def __init__(self, make: Callable[[], ConfiguredProviders]) -> None:
        self._make = make
        self._made: ConfiguredProviders | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<ProvidersOnFirstUse {self._made!r}>"

    def roster(self, tenant: str) -> Roster:
        """See ConfiguredProviders."""
        return self._providers().roster(tenant)

    def fresh_roster(self, tenant: str) -> Roster:
        """See ConfiguredProviders."""
        return self._providers().fresh_roster(tenant)

    def _providers(self) -> ConfiguredProviders:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


class DirectoryOnFirstUse:
    """A directory that has `prepare` done before the first name is looked up. Implements Directory.

    Names of models in this process never come here. What `prepare` raises, the lookup raises, and the next tries again.
    """

    def __init__(self, directory: Directory, prepare: Callable[[], None]) -> None:
        self._directory = directory
        self._prepare = prepare
        self._is_prepared = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<DirectoryOnFirstUse {self._directory!r}>"

    def resolve(self, name: str, tenant: str) -> Route:
        """See Directory."""
        self._be_prepared()
        return self._directory.resolve(name, tenant)

    def capabilities(self, name: str, tenant: str) -> Capabilities:
        """See Directory."""
        return self._directory.capabilities(name, tenant)

    def _be_prepared(self) -> None:
        if self._is_prepared:
            return
        with self._lock:
            if not self._is_prepared:
                self._prepare()
                self._is_prepared = True
