"""ProviderServer: stands for LM providers on this machine, on real connections, and can misbehave."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from provider_server.anthropic import Anthropic
from provider_server.asked import Asked, Head, Said
from provider_server.conduct import Conduct, GoneError
from provider_server.embeddings import CohereEmbed, OpenAIEmbeddings
from provider_server.exchange import plain, read_body, read_head
from provider_server.gemini import Gemini
from provider_server.mischief import Etiquette, Mischief, well_behaved
from provider_server.model_list import ModelList
from provider_server.openai_chat import OpenAIChat, openai_error
from provider_server.openai_responses import OpenAIResponses
from provider_server.refused import RefusedError
from provider_server.wire import Wire

__all__ = ["WIRES", "ProviderServer", "Seen"]

WIRES: Final[tuple[Wire, ...]] = (
    OpenAIChat(),
    OpenAIResponses(),
    Anthropic(),
    Gemini(),
    OpenAIEmbeddings(),
    CohereEmbed(),
    ModelList(),
)
_START_S: Final = 10.0
_BACKLOG: Final = 1024
_LONGEST_HEAD: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that reached the server, and what became of it."""

    asked: Asked
    mischief: Mischief | None
    said: Said | None
    """What was said, where that was a whole answer, which is noted before its end is sent; None otherwise."""


class ProviderServer:
    """Every wire on one port of 127.0.0.1, told apart by the path; use `ProviderServer.running(...)`.

    `key`: the only one that is accepted, as each provider's clients show it. `reply`: what is said to a request.
    `etiquette`: how it is said. Requests that break the rules of their wire get the provider's own error, and are kept in
    `refused`; all others in `seen`, in the order in which they ended.
    """

    def __init__(
        self,
        *,
        key: str = "sk-test",
        reply: Callable[[Asked], Said] = Said.echo,
        etiquette: Etiquette = well_behaved,
        port: int = 0,
    ) -> None:
        self.key = key
        self.reply = reply
        self.etiquette = etiquette
        self.port = port
        self.seen: list[Seen] = []
        self.refused: list[str] = []
        self.abandoned = 0
        """Connections that clients closed while their answer was being made or sent."""
        self._numbers = 0
        self._open = 0
        self.most_open = 0
        """Requests that were being answered at one time, at most."""
        self._connections: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<ProviderServer {self.url} seen={len(self.seen)} refused={len(self.refused)}>"

    @property
    def url(self) -> str:
        """Where it listens, without a path: OpenAI's clients want `/v1` behind it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def answered(self) -> list[Seen]:
        """The requests that got a whole answer."""
        return [seen for seen in self.seen if seen.said is not None]

    @property
    def asked(self) -> int:
        """Requests that arrived and were well-formed, also those that are being answered."""
        return self._numbers

    def tokens(self) -> Counter[str]:
        """What whole answers have cost, as `input` and `output` tokens: what a bill would say."""
        bill: Counter[str] = Counter()
        for seen in self.answered:
            assert seen.said is not None
            bill.update(input=seen.said.input_tokens, output=seen.said.output_tokens)
        return bill

    @classmethod
    @contextmanager
    def running(
        cls,
        *,
        key: str = "sk-test",
        reply: Callable[[Asked], Said] = Said.echo,
        etiquette: Etiquette = well_behaved,
    ) -> Generator[ProviderServer]:
        """Serve on a free port, on a thread of its own, while the body runs."""
        server = cls(key=key, reply=reply, etiquette=etiquette)
        begun, ending = threading.Event(), asyncio.Event()
        loops: list[asyncio.AbstractEventLoop] = []

        async def live() -> None:
            loops.append(asyncio.get_running_loop())
            async with server.serving():
                begun.set()
                await ending.wait()

        thread = threading.Thread(target=lambda: asyncio.run(live()), name="provider-server")
        thread.start()
        try:
            if not begun.wait(_START_S):
                raise TimeoutError("the provider server did not begin to listen")
            yield server
        finally:
            if loops:
                loops[0].call_soon_threadsafe(ending.set)
            thread.join(_START_S)

    def serving(self) -> _Serving:
        """Serve on the running event loop, in an `async with`."""
        return _Serving(self)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (head := await read_head(reader)) is not None:
                await self._serve_one(head, reader, writer)
        except (GoneError, asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # cancelled when the client has left, or at the server's end
        finally:
            self._connections.discard(task)
            writer.close()

    async def end_all(self) -> None:
        """Cut every connection."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _serve_one(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request. Raises GoneError, or is cancelled, at the end of the connection."""
        wire = next((each for each in WIRES if each.takes(head.method, head.path)), None)
        try:
            body = await read_body(reader, head)
            if wire is None:
                raise RefusedError(
                    404, "not_found_error", f"{head.method} {head.path} is served by nobody here"
                )
            if wire.key_of(head) != self.key:
                raise RefusedError(401, "invalid_api_key", "Incorrect API key provided")
            asked = wire.read(head, body)
        except RefusedError as refusal:
            self.refused.append(str(refusal))
            told = openai_error(refusal) if wire is None else wire.error(refusal)
            writer.write(plain(refusal.status, json.dumps(told).encode()))
            await writer.drain()
            return
        manners = self.etiquette(self._numbers, asked)
        self._numbers += 1
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        billed: list[Said] = []

        def bill(said: Said) -> None:
            billed.append(said)
            self.seen.append(Seen(asked, manners.mischief, said))

        connection: Any = writer.transport.get_protocol()
        connection.answering = asyncio.current_task()
        try:
            await Conduct(writer, wire, asked, self.reply(asked), manners, bill).carry_out()
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            connection.answering = None
            self._open -= 1
            if not billed:
                self.seen.append(Seen(asked, manners.mischief, None))


class _Connection(asyncio.StreamReaderProtocol):
    """One client's. When the client leaves, so does the task that is making it an answer."""

    def __init__(self, server: ProviderServer) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(limit=_LONGEST_HEAD, loop=loop), server.take, loop=loop)
        self.answering: asyncio.Task[None] | None = None

    def eof_received(self) -> bool | None:
        if self.answering is not None:
            self.answering.cancel()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answering is not None:
            self.answering.cancel()
        super().connection_lost(exc)


class _Serving:
    """The listening socket and its connections, from `async with` to its end."""

    def __init__(self, server: ProviderServer) -> None:
        self._server = server
        self._listening: asyncio.Server | None = None

    async def __aenter__(self) -> None:
        server = self._server
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            lambda: _Connection(server), "127.0.0.1", server.port, backlog=_BACKLOG
        )
        server.port = self._listening.sockets[0].getsockname()[1]

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            self._listening.close()
            await self._server.end_all()
