"""Clients: three ways to the same provider, from the same event loop."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar, Final

import httpx

import dspash
from benchmarks.gateway.provider import KEY, MODEL, chat_body
from dspash.gateway.lm_call import NO_CACHE, LMCall

__all__ = ["BareClient", "Client", "GatewayClient", "LiteLLMClient", "clients"]

_CONNECTIONS: Final = httpx.Limits(max_connections=1024, max_keepalive_connections=1024)
_PATIENCE_S: Final = 30.0


class Client(ABC):
    """One way; an answer is the text that the provider said."""

    name: ClassVar[str]

    @abstractmethod
    async def call(self, text: str) -> str:
        """Ask for a whole answer."""

    @abstractmethod
    def stream(self, text: str) -> AsyncIterator[str]:
        """Ask for a stream; one item a piece of text."""


class BareClient(Client):
    """httpx with a pool, and nothing else: what every other way pays as well."""

    name = "httpx"

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = f"{url}/chat/completions"

    async def call(self, text: str) -> str:
        answer = await self._http.post(self._url, json=chat_body(text))
        answer.raise_for_status()
        return answer.json()["choices"][0]["message"]["content"]

    async def stream(self, text: str) -> AsyncIterator[str]:
        body = {**chat_body(text), "stream": True}
        async with self._http.stream("POST", self._url, json=body) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    choices = json.loads(line.removeprefix("data: "))["choices"]
                    if choices and choices[0]["delta"].get("content"):
                        yield choices[0]["delta"]["content"]


class GatewayClient(Client):
    """The gateway of an app with a database, which records every call; nothing comes from its cache."""

    name = "dspash"

    def __init__(self, app: dspash.App) -> None:
        self._gateway = app.gateway

    async def call(self, text: str) -> str:
        answer = await self._gateway.acomplete(_lm_call(text))
        response: Any = answer.response
        return response["message"]["parts"][0]["text"]

    async def stream(self, text: str) -> AsyncIterator[str]:
        async with aclosing(self._gateway.astream(_lm_call(text))) as events:
            async for event in events:
                if isinstance(event, dict) and event["type"] == "delta":
                    yield str(event)


class LiteLLMClient(Client):
    """`litellm.acompletion`."""

    name = "litellm"

    def __init__(self, url: str) -> None:
        import litellm

        litellm.suppress_debug_info = True
        self._ask: Any = litellm.acompletion
        self._url = url

    async def call(self, text: str) -> str:
        answer = await self._ask(
            model=f"openai/{MODEL}", messages=chat_body(text)["messages"], api_base=self._url, api_key=KEY
        )
        return answer.choices[0].message.content

    async def stream(self, text: str) -> AsyncIterator[str]:
        answer = await self._ask(
            model=f"openai/{MODEL}",
            messages=chat_body(text)["messages"],
            api_base=self._url,
            api_key=KEY,
            stream=True,
        )
        async for chunk in answer:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content


@asynccontextmanager
async def clients(url: str, app: dspash.App, *, beside_litellm: bool = True) -> AsyncGenerator[list[Client]]:
    """All of them, warm: each has had one answer. LiteLLM takes seconds to import."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"  # LiteLLM looks for prices on the network otherwise
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(headers=headers, limits=_CONNECTIONS, timeout=_PATIENCE_S) as http:
        every: list[Client] = [BareClient(http, url), GatewayClient(app)]
        if beside_litellm:
            every.append(LiteLLMClient(url))
        for client in every:
            await client.call("warm up")
        yield every


def _lm_call(text: str) -> LMCall:
    message: Any = {"role": "user", "parts": [{"type": "text", "text": text}]}
    return LMCall({"model": f"openai/{MODEL}", "messages": [message], "config": {}}, cache=NO_CACHE)
