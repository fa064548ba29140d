"""Wires: calls providers, each in its own language, as the gateway's Upstream."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Final, Protocol

from lm15 import Request
from lm15.errors import LM15Error, StreamAssemblyError, error_class_for_code
from lm15.result import StreamAccumulator
from lm15.serde import request_from_dict, response_to_dict, stream_event_to_dict

from dspash.gateway.errors import (
    ModelRequestError,
    RejectedRequestError,
    UnsupportedFeatureError,
    UnsupportedModelError,
)
from dspash.gateway.port import JsonMap
from dspash.gateway.providers.adapters import model_string
from dspash.gateway.providers.attempt import Attempt
from dspash.gateway.providers.connection import Connection
from dspash.gateway.providers.counting import count_at_provider, count_here
from dspash.gateway.providers.embedding import Batch, EmbeddingDialect, dialect_of
from dspash.gateway.providers.failure import PARSING_ERRORS
from dspash.gateway.providers.line import Line, open_line
from dspash.gateway.providers.transport import HttpTransport
from dspash.gateway.target import Target
from dspash.gateway.upstream import CountedBy, EmbeddingReply, Reply, TokenCount

__all__ = ["Connections", "Wires"]

_END: Final[Any] = object()


class Connections(Protocol):
    """Whoever knows the connection behind a target."""

    def connection(self, target: Target) -> Connection:
        """What `target.connection` names. Raises AuthError when it is not known any more."""
        ...


class Wires:
    """Implements Upstream: one attempt a call. Nothing is retried, cached or limited here.

    It lives on one event loop. `clock` is monotonic, as deadlines are.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        transport: HttpTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._transport = transport or HttpTransport()
        self._clock = clock
        self._lines: dict[str, Line] = {}

    def __repr__(self) -> str:
        return f"<Wires lines={len(self._lines)} transport={self._transport!r}>"

    async def complete(self, target: Target, request: JsonMap, *, deadline: float | None) -> Reply:
        attempt = self._attempt(target, deadline)
        line = await self._line(attempt)
        asked = _read(request, line, target.model)
        response = await attempt.carry(lambda: line.adapter.complete(asked))
        return Reply(response_to_dict(response), attempt.limits, attempt.head.request_id)

    async def stream(
        self, target: Target, request: JsonMap, *, deadline: float | None
    ) -> AsyncGenerator[JsonMap | Reply]:
        attempt = self._attempt(target, deadline)
        line = await self._line(attempt)
        asked = _read(request, line, target.model)
        whole = StreamAccumulator(asked)
        has_ended = False
        events: AsyncGenerator[Any] = line.adapter.stream(asked)
        try:
            event: Any
            while (event := await attempt.carry(lambda: anext(events, _END))) is not _END:
                if event.type == "error":
                    await attempt.carry(lambda: _raise_in_stream(event.error))
                whole.push(event)
                has_ended = event.type == "end"
                yield _shown(event)
        finally:
            await events.aclose()
        response = await attempt.carry(lambda: _assembled(whole, has_ended=has_ended))
        yield Reply(response_to_dict(response), attempt.limits, attempt.head.request_id)

    async def embed(
        self, target: Target, inputs: Sequence[str], *, options: JsonMap, deadline: float | None
    ) -> EmbeddingReply:
        """As the port says; more texts than one request may have go in several, one after the other."""
        attempt = self._attempt(target, deadline)
        dialect = dialect_of(attempt.connection)
        dialect.check(attempt.connection, options)
        if not inputs or not all(inputs):
            raise ModelRequestError("$.inputs", "is empty, or has an empty text")
        line = await self._line(attempt)
        batches: list[Batch] = []
        for start in range(0, len(inputs), dialect.most_inputs):
            some = inputs[start : start + dialect.most_inputs]
            batches.append(await attempt.carry(lambda: _embedded(line, dialect, target.model, some, options)))  # noqa: B023 - awaited at once
        tokens = [batch.tokens for batch in batches if batch.tokens is not None]
        usage: JsonMap | None = {"input_tokens": sum(tokens), "total_tokens": sum(tokens)} if tokens else None
        return EmbeddingReply(
            [vector for batch in batches for vector in batch.vectors],
            batches[0].model or target.model,
            usage,
            attempt.limits,
            attempt.head.request_id,
        )

    async def count_tokens(self, target: Target, request: JsonMap, *, deadline: float | None) -> TokenCount:
        attempt = self._attempt(target, deadline)
        line = await self._line(attempt)
        asked = _read(request, line, target.model)
        try:
            counted = await attempt.carry(lambda: count_at_provider(line, asked, target.model))
        except (RejectedRequestError, UnsupportedFeatureError, UnsupportedModelError) as error:
            if error.status not in {404, 405, 501}:
                raise
            counted = None  # a server that speaks as the provider does, and has no such endpoint
        return (
            count_here(line, request, target.model)
            if counted is None
            else TokenCount(counted, CountedBy.PROVIDER)
        )

    async def models(self, target: Target, *, deadline: float | None) -> list[str]:
        """The ids of the models that the provider lists, sorted; `target.model` is not looked at."""
        attempt = self._attempt(target, deadline)
        line = await self._line(attempt)
        return sorted(set(await attempt.carry(line.models)))

    async def aclose(self) -> None:
        self._lines.clear()
        await self._transport.aclose()

    def _attempt(self, target: Target, deadline: float | None) -> Attempt:
        return Attempt(self._connections.connection(target), target.model, deadline, self._clock)

    async def _line(self, attempt: Attempt) -> Line:
        """The line of a connection, opened at its first use."""
        found = self._lines.get(attempt.connection.id)
        if found is None:
            found = await attempt.carry(lambda: self._opened(attempt.connection))
            self._lines[attempt.connection.id] = found
        return found

    async def _opened(self, connection: Connection) -> Line:
        return open_line(connection, self._transport)


def _read(request: JsonMap, line: Line, model: str) -> Request:
    """`request` as lm15 has it, for `model`. Raises ModelRequestError for what is none."""
    try:
        return request_from_dict({**request, "model": model_string(line.connection, model)})
    except (LM15Error, *PARSING_ERRORS) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    raise ModelRequestError("$.request", problem)


def _shown(event: Any) -> JsonMap:
    """An event as a map; what the provider's last one repeats verbatim, often the whole request, is left out."""
    shown: JsonMap = stream_event_to_dict(event)
    shown.pop("provider_data", None)
    return shown


async def _raise_in_stream(detail: Any) -> None:
    """Raise what a provider reports in the middle of a stream, whose status was 200."""
    raise error_class_for_code(detail.code)(detail.message)


async def _assembled(whole: StreamAccumulator, *, has_ended: bool) -> Any:
    if not has_ended:
        raise StreamAssemblyError("the stream ended before the answer did")
    return whole.response()


async def _embedded(
    line: Line, dialect: EmbeddingDialect, model: str, inputs: Sequence[str], options: JsonMap
) -> Batch:
    url = dialect.url(line.base_url, model)
    batch = dialect.read(await line.post(url, dialect.payload(model, inputs, options)))
    if len(batch.vectors) != len(inputs):
        raise ValueError(f"{len(inputs)} texts became {len(batch.vectors)} vectors")
    if len({len(vector) for vector in batch.vectors}) != 1:
        raise ValueError("the vectors differ in length")
    return batch
