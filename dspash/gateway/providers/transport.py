"""HttpTransport: carries lm15's requests by httpx, over connections that are kept, with HTTP/2 where a server speaks it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpx
from lm15.transports import AsyncTransportResponse, TransportError, TransportRequest

from dspash.gateway.providers.reply_head import note_reply, note_unsent

__all__ = ["MOST_ANSWER_BYTES", "HttpTransport"]

LANE_SIZE: Final = 32
"""Requests to servers that speak HTTP/2 which one client has in flight before the next is used: httpcore waits for a
place on a connection (most servers give it 100) rather than open another."""

NARROW_LANE: Final = 2
"""The same of other servers, which take a connection for each request: for every request httpcore looks through all of
a pool's connections, and asks the system of each idle one whether it is open still. Many small pools are spared that."""

MOST_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Of one answer, unpacked. A server that sends more, or a small gzip that becomes more, is cut off."""

CONNECT_S: Final = 10.0  # a host that takes longer is down
READ_S: Final = 600.0  # between two pieces of an answer: a model that thinks says nothing for minutes
WRITE_S: Final = 60.0
KEEP_S: Final = 30.0  # an idle connection; most servers close theirs after a minute

_UNSENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
"""What goes wrong before the first byte of a request has left."""

_HEADERS: Final = {"User-Agent": "dspash", "Accept-Encoding": "gzip, deflate"}


@dataclass(slots=True)
class _Lane:
    """One client with its pool, and how many requests it has in flight."""

    client: httpx.AsyncClient
    in_flight: int = 0


class HttpTransport:
    """What lm15 takes as a transport. It lives on one event loop; `aclose` is called there, too.

    Proxies and certificates are those of the environment (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE). Redirects are not
    followed and cookies not kept: a key goes where it was configured to go, and nowhere else.
    """

    def __init__(self, *, most_bytes: int = MOST_ANSWER_BYTES) -> None:
        self._most_bytes = most_bytes
        self._tls = _certificates()
        self._lanes: list[_Lane] = []
        self._sharing: set[str] = set()  # hosts that have answered by HTTP/2

    def __repr__(self) -> str:
        return f"<HttpTransport lanes={len(self._lanes)} in_flight={self.in_flight}>"

    @property
    def in_flight(self) -> int:
        """Requests whose answer is not complete."""
        return sum(lane.in_flight for lane in self._lanes)

    @asynccontextmanager
    async def stream(self, request: TransportRequest) -> AsyncGenerator[AsyncTransportResponse]:
        """Send `request`; the block has its answer, and leaving the block before its end drops the connection.

        Raises lm15's TransportError for whatever goes wrong below HTTP.
        """
        host = urlsplit(request.url).netloc
        lane = self._lane(LANE_SIZE if host in self._sharing else NARROW_LANE)
        lane.in_flight += 1
        try:
            response = await _send(lane.client, request)
            if response.http_version == "HTTP/2":
                self._sharing.add(host)
            try:
                headers = list(response.headers.multi_items())
                note_reply(response.status_code, headers)
                yield AsyncTransportResponse(
                    status=response.status_code,
                    reason=response.reason_phrase,
                    headers=headers,
                    http_version=response.http_version,
                    chunks=self._chunks(response),
                    release=_release_nothing,
                )
            finally:
                await response.aclose()
        finally:
            lane.in_flight -= 1

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            await lane.client.aclose()

    def _lane(self, size: int) -> _Lane:
        """The first client that has less than `size` requests in flight."""
        for lane in self._lanes:
            if lane.in_flight < size:
                return lane
        limits = httpx.Limits(
            max_connections=LANE_SIZE, max_keepalive_connections=LANE_SIZE, keepalive_expiry=KEEP_S
        )
        client = httpx.AsyncClient(http2=True, verify=self._tls, limits=limits, headers=_HEADERS)
        lane = _Lane(client)
        self._lanes.append(lane)
        return lane

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        seen = 0
        try:
            async for chunk in response.aiter_bytes():
                seen += len(chunk)
                if seen > self._most_bytes:
                    raise TransportError(f"the answer has more than {self._most_bytes:,} bytes")
                yield chunk
        except httpx.RequestError as error:
            raise TransportError(_told(error)) from error


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust, by the environment as it was at first; to read that takes 25 ms."""
    return httpx.create_ssl_context()


async def _send(client: httpx.AsyncClient, request: TransportRequest) -> httpx.Response:
    timeout = httpx.Timeout(
        connect=request.connect_timeout or CONNECT_S,
        read=request.read_timeout or READ_S,
        write=request.write_timeout or WRITE_S,
        pool=None,
    )
    try:
        prepared = client.build_request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body or None,
            timeout=timeout,
        )
        response = await client.send(prepared, stream=True)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        if isinstance(error, _UNSENT):
            note_unsent()
        raise TransportError(_told(error)) from error
    client.cookies.clear()
    return response


async def _release_nothing(_body_was_read: bool) -> None:  # noqa: FBT001 - the signature is lm15's
    """The block in `stream` owns the connection."""


def _told(error: Exception) -> str:
    # The text of some of httpx's errors is empty; their type says it all.
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
