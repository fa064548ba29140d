"""An app inside a web server's event loop: requests are served side by side, and end with whoever asked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

import dspash
from tests.leaks import wait_until

BOUND_S = 20.0

Message = MutableMapping[str, Any]
ASGI = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def handler_of(runnable: dspash.Runnable) -> ASGI:
    """An ASGI application as a framework would make it: inputs as JSON in, the prediction as JSON out."""

    async def handle(
        _scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        inputs = json.loads((await receive())["body"])
        try:
            status, answer = 200, (await runnable.acall(**inputs)).to_dict()
        except dspash.InvalidInputError as error:
            status, answer = 422, {"path": error.path}
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return handle


def client_of(runnable: dspash.Runnable) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=handler_of(runnable))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def test_requests_are_answered_side_by_side(app: dspash.App) -> None:
    """Each waits for all the others, in a tool: one after the other they would never end."""
    together = threading.Barrier(6)

    def meet() -> int:
        together.wait(BOUND_S)
        return 1

    program = app.program("Meets", forward_fn="result = {'n': n, 'met': meet()}", tools=[meet])

    async def ask() -> list[Any]:
        async with client_of(program) as client:
            asked = [client.post("/", json={"n": number}, timeout=BOUND_S) for number in range(6)]
            return [answer.json() for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [{"n": number, "met": 1} for number in range(6)]


def test_wrong_inputs_become_the_clients_error(app: dspash.App) -> None:
    module = app.module("predict", "question -> answer")

    async def ask() -> httpx.Response:
        async with client_of(module) as client:
            return await client.post("/", json={})

    refused = asyncio.run(ask())
    assert (refused.status_code, refused.json()) == (422, {"path": "$.inputs.question"})


def test_a_client_that_goes_away_takes_its_call_along(app: dspash.App) -> None:
    begun = threading.Event()

    def begin() -> None:
        begun.set()

    endless = app.program("Endless", forward_fn="begin()\nwhile True:\n    pass", tools=[begin])

    async def leave() -> None:
        async with client_of(endless) as client:
            asking = asyncio.create_task(client.post("/", json={}, timeout=BOUND_S))
            assert await asyncio.to_thread(begun.wait, BOUND_S)
            asking.cancel()
            await asyncio.wait([asking], timeout=BOUND_S)

    asyncio.run(leave())
    wait_until(lambda: app.status().running == 0, "the call to end")
    assert app.call("ping", {"payload": 1}) == {"payload": 1}
