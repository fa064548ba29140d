"""Line: one connection as lm15 speaks to it, and requests of our own beside those."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from lm15.errors import TransportError as LM15TransportError
from lm15.transports import TransportError, TransportRequest

from dspash.gateway.port import JsonMap
from dspash.gateway.providers.adapters import Adapter, adapter_of
from dspash.gateway.providers.connection import Connection
from dspash.gateway.providers.transport import HttpTransport

__all__ = ["Line", "open_line"]


@dataclass(frozen=True, slots=True)
class Line:
    """A connection with what speaks its language; opening one sends nothing."""

    connection: Connection
    adapter: Adapter
    transport: HttpTransport

    @property
    def base_url(self) -> str:
        """What paths are put behind, also where it is made of settings."""
        return str(self.adapter.base_url).rstrip("/")

    async def post(self, url: str, payload: JsonMap, headers: dict[str, str] | None = None) -> JsonMap:
        """POST `payload` with the key, or with `headers` instead; return the map that comes back.

        Raises lm15's errors, and ValueError for what is no map.
        """
        sent = self._key_header() if headers is None else headers
        return await self._exchange(
            TransportRequest(
                method="POST",
                url=url,
                headers=[("Content-Type", "application/json"), *sent.items()],
                body=json.dumps(payload, ensure_ascii=False).encode(),
            )
        )

    async def models(self) -> list[str]:
        """The ids of the models that the provider lists. Raises lm15's errors, and ValueError and the like for no list."""
        kind = self.connection.type
        if kind.model_list is None:
            return [str(info.id) for info in await self.adapter.list_models()]
        url = self.base_url.removesuffix(kind.suffix) + kind.model_list
        headers = list(self._key_header().items())
        listed: Any = await self._exchange(TransportRequest(method="GET", url=url, headers=headers))
        return [str(entry["name"]) for entry in listed["models"]]

    async def _exchange(self, request: TransportRequest) -> JsonMap:
        try:
            async with self.transport.stream(request) as response:
                body = await response.read()
        except TransportError as error:
            raise LM15TransportError(str(error)) from error
        if response.status >= 400:
            raise self.adapter.normalize_error(response.status, body.decode(errors="replace"))
        answer: Any = json.loads(body)
        if not isinstance(answer, dict):
            raise ValueError(f"a JSON {type(answer).__name__} where an object is due")
        return cast("JsonMap", answer)

    def _key_header(self) -> dict[str, str]:
        name, key = self.connection.type.key_header, self.connection.sent_key()
        return {name: f"Bearer {key}" if name == "Authorization" else key}


def open_line(connection: Connection, transport: HttpTransport) -> Line:
    """The line of `connection`. Raises lm15's NotConfiguredError where its settings make no address."""
    return Line(connection, adapter_of(connection, transport), transport)
