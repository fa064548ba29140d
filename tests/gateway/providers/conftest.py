"""One server that stands for providers for all tests of the wires, and connections to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import pytest

from dspash.gateway.port import JsonMap
from dspash.gateway.providers.connection import Connection, address_of, provider_type
from dspash.gateway.providers.provider_type import Wire
from dspash.gateway.providers.wires import Wires
from dspash.gateway.target import Target
from dspash.secrets import Secret
from provider_server import Asked, Manners, Mischief, ProviderServer, Said

KEY: Final = "sk-secret-of-the-tests"
BOUND_S: Final = 10.0

T = TypeVar("T")


@dataclass
class Script:
    """What the shared server says next, and how; each test sets its own."""

    reply: Callable[[Asked], Said] = Said.echo
    manners: Manners = field(default_factory=Manners)

    def misbehave(self, mischief: Mischief, retry_after_s: float = 2.0) -> None:
        self.manners = Manners(mischief, retry_after_s=retry_after_s)


class Bench:
    """The server, its script, and wires to it that a test runs in an event loop of its own."""

    def __init__(self, server: ProviderServer, script: Script) -> None:
        self.server = server
        self.script = script

    def connection(self, name: str, wire: Wire | None = None, key: str = KEY) -> Connection:
        kind = provider_type(name)
        url = self.server.url if kind.suffix or name == "azure" else f"{self.server.url}/v1"
        return Connection(name, kind, address_of(kind, url), Secret(key), wire)

    def run(
        self, connection: Connection, use: Callable[[Wires, Target], Awaitable[T]], *, model: str = "m-1"
    ) -> T:
        """Have `use` called with wires that know `connection` alone; they are closed afterwards."""

        async def inside() -> T:
            wires = Wires(_Only(connection))
            try:
                async with asyncio.timeout(BOUND_S):
                    return await use(wires, connection.target(model))
            finally:
                await wires.aclose()

        return asyncio.run(inside())


@dataclass(frozen=True)
class _Only:
    only: Connection

    def connection(self, target: Target) -> Connection:
        assert target.connection == self.only.id
        return self.only


@pytest.fixture(scope="session")
def shared_server() -> Generator[tuple[ProviderServer, Script]]:
    script = Script()

    def reply(asked: Asked) -> Said:
        return script.reply(asked)

    def etiquette(_number: int, _asked: Asked) -> Manners:
        return script.manners

    with ProviderServer.running(key=KEY, reply=reply, etiquette=etiquette) as server:
        yield server, script


@pytest.fixture
def bench(shared_server: tuple[ProviderServer, Script]) -> Generator[Bench]:
    server, script = shared_server
    yield Bench(server, script)
    script.reply, script.manners = Said.echo, Manners()


def request(text: str = "how are you", **more: Any) -> JsonMap:
    """An lm15 Request as a map."""
    return {"model": "x", "messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}], **more}


def soon() -> float:
    """A deadline that no test reaches that passes."""
    return time.monotonic() + BOUND_S
