"""Wire: the port that every provider's language implements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from provider_server.asked import Asked, Head, Said
from provider_server.refused import RefusedError

__all__ = ["Wire", "event"]


class Wire(Protocol):
    """How one provider is spoken to."""

    name: str

    def takes(self, method: str, path: str) -> bool:
        """Whether a request for this path speaks it."""
        ...

    def key_of(self, head: Head) -> str | None:
        """The key the client shows; None where it shows none."""
        ...

    def read(self, head: Head, body: Mapping[str, Any]) -> Asked:
        """Understand a request. Raises RefusedError for whatever the provider would refuse."""
        ...

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        """The body of a whole answer."""
        ...

    def events(self, asked: Asked, said: Said) -> Iterator[bytes]:
        """The same as server-sent events."""
        ...

    def error(self, refusal: RefusedError) -> dict[str, Any]:
        """The body of a refusal."""
        ...


def event(data: Mapping[str, Any] | str, name: str | None = None) -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {text}\n\n".encode()
