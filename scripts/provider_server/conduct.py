"""Conduct: carries an answer out on a connection, with or without manners."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from provider_server.asked import Asked, Said
from provider_server.exchange import plain, streamed
from provider_server.mischief import Manners, Mischief
from provider_server.refused import RefusedError
from provider_server.wire import Wire

__all__ = ["GoneError", "conduct"]

_HUGE: Final = 10_000_000  # letters
_SLOW_S: Final = 0.05
_LINGER_NONE: Final = struct.pack("ii", 1, 0)  # close with a reset, not with a goodbye


class GoneError(Exception):
    """The connection is at its end, by either side."""


async def conduct(
    writer: asyncio.StreamWriter, wire: Wire, asked: Asked, said: Said, manners: Manners
) -> Said | None:
    """Answer; returns what was said when the whole answer was sent, None when it was not. Raises GoneError."""
    if manners.delay_s:
        await asyncio.sleep(manners.delay_s)
    match manners.mischief:
        case Mischief.RATE_LIMITED:
            return await _refuse(writer, wire, 429, {"Retry-After": f"{manners.retry_after_s:g}"})
        case Mischief.RATE_LIMITED_UNTIL:
            until = datetime.now(UTC) + timedelta(seconds=manners.retry_after_s)
            return await _refuse(writer, wire, 429, {"Retry-After": format_datetime(until, usegmt=True)})
        case Mischief.BROKEN:
            return await _refuse(writer, wire, 500, {})
        case Mischief.OVERLOADED:
            return await _refuse(writer, wire, 529, {})
        case Mischief.RESET:
            _reset(writer)
        case Mischief.SILENT:
            await _say_nothing()
        case Mischief.MALFORMED:
            await _send(writer, plain(200, b'{"id": "x", "choices": [{'))
            return None
        case Mischief.WRONG_TYPE:
            await _send(writer, plain(200, b"<html><body>Bad gateway</body></html>", "text/html"))
            return None
        case Mischief.HUGE:
            said = replace(said, text=f"{said.text} {'x' * _HUGE}")
        case _:
            pass
    if asked.streams:
        return await _stream(writer, wire, asked, said, manners)
    return await _answer(writer, wire, asked, said, manners)


async def _answer(
    writer: asyncio.StreamWriter, wire: Wire, asked: Asked, said: Said, manners: Manners
) -> Said | None:
    body = json.dumps(wire.answer(asked, said), ensure_ascii=False).encode()
    whole = plain(200, body)
    match manners.mischief:
        case Mischief.GZIP:
            whole = plain(200, gzip.compress(body), headers={"Content-Encoding": "gzip"})
        case Mischief.RESET_MIDWAY | Mischief.HALF_EVENT:
            await _send(writer, whole[: len(whole) - len(body) // 2])
            _reset(writer)
        case Mischief.SLOW:
            await _drip(writer, whole)
        case _:
            pass
    await _send(writer, whole)
    return said


async def _stream(
    writer: asyncio.StreamWriter, wire: Wire, asked: Asked, said: Said, manners: Manners
) -> Said | None:
    events: Iterator[bytes] = wire.events(asked, said)
    match manners.mischief:
        case Mischief.RESET_MIDWAY:
            first = [next(events), next(events)]
            async for piece in streamed(first, 0.0):
                if not piece.startswith(b"0\r\n"):
                    await _send(writer, piece)
            _reset(writer)
        case Mischief.HALF_EVENT:
            first, half = next(events), next(events)
            async for piece in streamed([first, half[: len(half) // 2]], 0.0):
                await _send(writer, piece)
            return None
        case Mischief.SLOW:
            await _drip(writer, b"".join([piece async for piece in streamed(events, 0.0)]))
        case Mischief.GZIP:
            packed = gzip.compress(b"".join(events))
            async for piece in streamed([packed], 0.0, {"Content-Encoding": "gzip"}):
                await _send(writer, piece)
            return said
        case _:
            pass
    async for piece in streamed(events, manners.between_s):
        await _send(writer, piece)
    return said


async def _refuse(writer: asyncio.StreamWriter, wire: Wire, status: int, headers: dict[str, str]) -> None:
    code = {429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
    refusal = RefusedError(status, code, "try again later")
    body = json.dumps(wire.error(refusal)).encode()
    await _send(writer, plain(status, body, headers=headers))


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    try:
        writer.write(data)
        await writer.drain()
    except ConnectionError:
        raise GoneError from None


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send all but the end, a byte at a time; the client has given up long before."""
    for index in range(len(data) - 1):
        await _send(writer, data[index : index + 1])
        await asyncio.sleep(_SLOW_S)
    await _say_nothing()


async def _say_nothing() -> None:
    """Until the client leaves, or the server is closed: both cancel this."""
    await asyncio.Event().wait()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    writer.transport.abort()
    raise GoneError
