"""Requests go over HTTP/2 and few connections where a server speaks it, through proxies, and to no other address."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from dspash.gateway.errors import MalformedReplyError, TransportError
from dspash.gateway.providers import transport
from dspash.gateway.providers.connection import Connection, provider_type
from dspash.gateway.providers.wires import Wires
from dspash.gateway.target import Target
from dspash.gateway.upstream import Reply
from dspash.secrets import Secret
from tests.gateway.providers.conftest import KEY, Bench, request, soon
from tests.gateway.providers.h2_server import H2Server, make_certificate


def at(url: str) -> Connection:
    return Connection("somewhere", provider_type("openai-compatible"), url, Secret(KEY))


async def completed(wires: Wires, target: Target) -> Reply:
    return await wires.complete(target, request(), deadline=soon())


def test_many_requests_share_one_connection_over_http_2(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    transport._certificates.cache_clear()
    server = H2Server(together=transport.LANE_SIZE)

    async def many() -> None:
        async with server.serving(certificate) as url:
            connection = at(f"{url}/v1")

            async def together() -> list[Reply]:
                target = connection.target("m-1")
                wires = Wires(_Only(connection))
                try:
                    await completed(wires, target)  # tells that this server speaks HTTP/2
                    return await asyncio.gather(
                        *(completed(wires, target) for _ in range(3 * transport.LANE_SIZE))
                    )
                finally:
                    await wires.aclose()

            replies = await together()
            assert all(reply.response["model"] == "m-1" for reply in replies)

    try:
        asyncio.run(many())
    finally:
        transport._certificates.cache_clear()
    assert server.protocols == {"h2"}
    assert server.requests == 1 + 3 * transport.LANE_SIZE
    assert server.connections == 3  # one a lane


def test_server_that_nobody_vouches_for_is_not_spoken_to(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    server = H2Server()

    async def asked() -> None:
        async with server.serving(certificate) as url:
            connection = at(f"{url}/v1")
            wires = Wires(_Only(connection))
            try:
                await completed(wires, connection.target("m-1"))
            finally:
                await wires.aclose()

    with pytest.raises(TransportError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        asyncio.run(asked())

    assert server.requests == 0
    assert not caught.value.was_sent


def test_requests_go_through_the_proxy_of_the_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A proxy for http:// is asked by the whole address, which the server takes as well as a path.
    monkeypatch.setenv("HTTP_PROXY", bench.server.url)
    monkeypatch.setenv("NO_PROXY", "")

    reply = bench.run(at("http://provider.invalid/v1"), completed)

    assert reply.response["finish_reason"] == "stop"


def test_nobody_at_the_address_is_told_as_not_sent(bench: Bench) -> None:
    with pytest.raises(TransportError, match="ConnectError") as caught:
        bench.run(at("http://127.0.0.1:9/v1"), completed)

    assert caught.value.retryable
    assert not caught.value.was_sent


def test_redirect_is_not_followed_with_the_key(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def moved(got: httpx.Request) -> httpx.Response:
        seen.append(got.url.host)
        return httpx.Response(307, headers={"Location": "https://elsewhere.invalid/v1"}, text="moved")

    async def asked(wires: Wires, target: Target) -> Reply:
        monkeypatch.setattr(wires._transport._lane(1).client, "_transport", httpx.MockTransport(moved))
        return await completed(wires, target)

    with pytest.raises(MalformedReplyError):
        bench.run(bench.connection("openai"), asked)

    assert seen == ["127.0.0.1"]


def test_cookies_are_not_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []

    def answer(got: httpx.Request) -> httpx.Response:
        sent.append(got.headers.get("cookie"))
        return httpx.Response(
            500, headers={"Set-Cookie": "who=me; Path=/"}, json={"error": {"message": "no"}}
        )

    async def twice(wires: Wires, target: Target) -> None:
        monkeypatch.setattr(wires._transport._lane(1).client, "_transport", httpx.MockTransport(answer))
        for _ in range(2):
            with pytest.raises(Exception, match="no"):
                await completed(wires, target)

    bench.run(bench.connection("openai"), twice)

    assert sent == [None, None]


class _Only:
    def __init__(self, only: Connection) -> None:
        self.only = only

    def connection(self, target: Target) -> Connection:
        return self.only
