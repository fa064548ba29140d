"""Exchange: one request read from a connection, and the bytes of its answer.

HTTP/1.1 by hand: a library would not let a server break the rules, which is what this one is for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from provider_server.asked import Head
from provider_server.refused import RefusedError

__all__ = ["MOST_BODY", "plain", "read_body", "read_head", "streamed"]

MOST_BODY: Final = 64 * 1024 * 1024
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    411: "Length Required",
}


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next request's head; None when the client has gone. Raises RefusedError for what is no HTTP."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = raw.decode("latin-1").split("\r\n")
    try:
        method, target, _version = lines[0].split(" ")
    except ValueError:
        raise RefusedError(400, "invalid_request_error", f"no request line: {lines[0][:80]!r}") from None
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    url = urlsplit(target)
    return Head(method, url.path, dict(parse_qsl(url.query)), headers)


async def read_body(reader: asyncio.StreamReader, head: Head) -> dict[str, Any]:
    """The JSON map of a request. Raises RefusedError for anything else, IncompleteReadError when the client leaves."""
    if head.method == "GET":
        return {}
    length = head.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MOST_BODY:
        raise RefusedError(411, "invalid_request_error", "a Content-Length of at most 64 MiB is required")
    raw = await reader.readexactly(int(length))
    kind = head.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise RefusedError(400, "invalid_request_error", f"Content-Type {kind!r} is not application/json")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise RefusedError(400, "invalid_request_error", f"no JSON: {error}") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "invalid_request_error", "no JSON object")
    return body


def plain(status: int, body: bytes, kind: str = "application/json", headers: Mapping[str, str] = {}) -> bytes:
    """A whole answer."""
    return _head(status, {"Content-Type": kind, "Content-Length": str(len(body)), **headers}) + body


async def streamed(
    events: Iterable[bytes], between_s: float, headers: Mapping[str, str] = {}, *, ends: bool = True
) -> AsyncIterator[bytes]:
    """A chunked answer, event by event; one that does not end lacks the last chunk."""
    yield _head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **headers})
    for event in events:
        yield b"%x\r\n%s\r\n" % (len(event), event)
        if between_s:
            await asyncio.sleep(between_s)
    if ends:
        yield b"0\r\n\r\n"


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\n{told}\r\n".encode("latin-1")
