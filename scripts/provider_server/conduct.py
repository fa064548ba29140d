"""Conduct: carries an answer out on a connection, with or without manners."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from provider_server.asked import Asked, Said
from provider_server.exchange import plain, streamed
from provider_server.mischief import Manners, Mischief
from provider_server.refused import RefusedError
from provider_server.wire import Wire

__all__ = ["Conduct", "GoneError"]

_HUGE: Final = 10_000_000  # letters
_STATUS: Final[dict[Mischief | None, int]] = {
    Mischief.RATE_LIMITED: 429,
    Mischief.RATE_LIMITED_UNTIL: 429,
    Mischief.BROKEN: 500,
    Mischief.OVERLOADED: 529,
}
_SLOW_S: Final = 0.05
_CLOSING: Final = 3  # events at the end of a stream: with the first of them a client may have all it wants
_LINGER_NONE: Final = struct.pack("ii", 1, 0)  # close with a reset, not with a goodbye


class GoneError(Exception):
    """The connection is at its end, by either side."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """One answer on its way. `bill` is called for a whole one before its end is sent: once a client has it, it is billed."""

    writer: asyncio.StreamWriter
    wire: Wire
    asked: Asked
    said: Said
    manners: Manners
    bill: Callable[[Said], None]

    async def carry_out(self) -> None:
        """Answer, or do whatever is done instead. Raises GoneError."""
        if self.manners.delay_s:
            await asyncio.sleep(self.manners.delay_s)
        match self.manners.mischief:
            case mischief if mischief in _STATUS:
                await self._refuse(_STATUS[mischief])
            case Mischief.RESET:
                _reset(self.writer)
            case Mischief.SILENT:
                await _say_nothing()
            case Mischief.MALFORMED:
                await self._send(plain(200, b'{"id": "x", "choices": [{'))
            case Mischief.WRONG_TYPE:
                await self._send(plain(200, b"<html><body>Bad gateway</body></html>", "text/html"))
            case Mischief.HUGE:
                await replace(self, said=self._enlarged(), manners=Manners()).carry_out()
            case _:
                await self._answer()

    async def _answer(self) -> None:
        await (self._stream() if self.asked.streams else self._say())

    async def _say(self) -> None:
        body = json.dumps(self.wire.answer(self.asked, self.said), ensure_ascii=False).encode()
        whole = plain(200, body)
        match self.manners.mischief:
            case Mischief.GZIP:
                whole = plain(200, gzip.compress(body), headers={"Content-Encoding": "gzip"})
            case Mischief.RESET_MIDWAY | Mischief.HALF_EVENT:
                await self._send(whole[: len(whole) - len(body) // 2])
                _reset(self.writer)
            case Mischief.SLOW:
                await self._drip(whole)
            case _:
                pass
        self.bill(self.said)
        await self._send(whole)

    async def _stream(self) -> None:
        events = list(self.wire.events(self.asked, self.said))
        match self.manners.mischief:
            case Mischief.RESET_MIDWAY:
                await self._send_all(streamed(events[:2], 0.0, ends=False))
                _reset(self.writer)
            case Mischief.HALF_EVENT:
                half = events[1][: len(events[1]) // 2]
                await self._send_all(streamed([events[0], half], 0.0))
            case Mischief.SLOW:
                await self._drip(b"".join([piece async for piece in streamed(events, 0.0)]))
            case Mischief.GZIP:
                self.bill(self.said)
                packed = [gzip.compress(b"".join(events))]
                await self._send_all(streamed(packed, 0.0, {"Content-Encoding": "gzip"}))
            case _:
                await self._send_all(streamed(self._billed(events), self.manners.between_s))

    def _billed(self, events: list[bytes]) -> Iterator[bytes]:
        """The events; the bill is made before the first after which a client may have all it wants."""
        for left, event in zip(range(len(events), 0, -1), events, strict=True):
            if left == min(_CLOSING, len(events)):
                self.bill(self.said)
            yield event

    async def _refuse(self, status: int) -> None:
        headers: dict[str, str] = {}
        if self.manners.mischief is Mischief.RATE_LIMITED:
            headers["Retry-After"] = f"{self.manners.retry_after_s:g}"
        if self.manners.mischief is Mischief.RATE_LIMITED_UNTIL:
            until = datetime.now(UTC) + timedelta(seconds=self.manners.retry_after_s)
            headers["Retry-After"] = format_datetime(until, usegmt=True)
        code = {429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
        refusal = RefusedError(status, code, "try again later")
        await self._send(plain(status, json.dumps(self.wire.error(refusal)).encode(), headers=headers))

    def _enlarged(self) -> Said:
        return replace(self.said, text=f"{self.said.text} {'x' * _HUGE}")

    async def _drip(self, data: bytes) -> None:
        """Send all but the end, a byte at a time; the client has given up long before."""
        for index in range(len(data) - 1):
            await self._send(data[index : index + 1])
            await asyncio.sleep(_SLOW_S)
        await _say_nothing()

    async def _send_all(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            await self._send(piece)

    async def _send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            raise GoneError from None


async def _say_nothing() -> None:
    """Until the client leaves, or the server is closed: both cancel this."""
    await asyncio.Event().wait()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
    writer.transport.abort()
    raise GoneError
