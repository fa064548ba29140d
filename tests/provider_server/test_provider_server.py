"""The stand-in for providers is strict with its clients, counts what it answers, and misbehaves as told."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httpx
import pytest

from provider_server import MADE_ANSWERS, Asked, Manners, Mischief, ProviderServer

MESSAGE: Final[dict[str, Any]] = {"role": "user", "content": "how are you"}
CHAT: Final[dict[str, Any]] = {"model": "m", "messages": [MESSAGE]}
KEY: Final = {"Authorization": "Bearer sk-test"}
PATIENCE_S: Final = 0.3


def always(mischief: Mischief) -> Any:
    def etiquette(_number: int, _asked: Asked) -> Manners:
        return Manners(mischief, retry_after_s=2.0)

    return etiquette


def post(server: ProviderServer, path: str, body: Any, headers: Any = KEY, **options: Any) -> httpx.Response:
    return httpx.post(f"{server.url}{path}", json=body, headers=headers, timeout=PATIENCE_S, **options)


@pytest.mark.parametrize(
    ("path", "headers", "body", "place"),
    [
        ("/v1/chat/completions", KEY, {**CHAT, "temperature": 3}, "$.temperature"),
        ("/v1/chat/completions", KEY, {**CHAT, "cache_ttl": 3}, "$.cache_ttl"),
        ("/v1/chat/completions", KEY, {**CHAT, "messages": []}, "$.messages"),
        ("/v1/chat/completions", KEY, {**CHAT, "messages": [{"role": "me"}]}, "$.messages[0].role"),
        ("/v1/chat/completions", KEY, {**CHAT, "stream_options": {}}, "$.stream_options"),
        (
            "/v1/responses",
            KEY,
            {"model": "m", "input": [{"role": "user", "content": 3}]},
            "$.input[0].content",
        ),
        ("/v1/messages", {"x-api-key": "sk-test"}, {**CHAT, "max_tokens": 1}, "anthropic-version"),
        ("/v1/messages", {"x-api-key": "sk-test", "anthropic-version": "1"}, CHAT, "$.max_tokens"),
        ("/v1beta/models/m:generateContent", {"x-goog-api-key": "sk-test"}, {"contents": []}, "$.contents"),
        ("/v2/embed", KEY, {"model": "m", "texts": ["a"]}, "$.input_type"),
        ("/v1/embeddings", KEY, {"model": "m", "input": [""]}, "$.input[0]"),
    ],
)
def test_what_breaks_the_rules_of_a_wire_is_refused_at_its_place(
    path: str, headers: dict[str, str], body: dict[str, Any], place: str
) -> None:
    with ProviderServer.running() as server:
        answer = post(server, path, body, headers)
        assert answer.status_code == 400
        assert place in answer.text
        assert server.seen == []


def test_another_key_or_none_is_refused_and_the_connection_goes_on() -> None:
    with ProviderServer.running() as server, httpx.Client(base_url=server.url) as client:
        for headers in ({}, {"Authorization": "Bearer sk-other"}, {"x-api-key": "sk-test"}):
            assert client.post("/v1/chat/completions", json=CHAT, headers=headers).status_code == 401
        assert client.post("/v1/chat/completions", json=CHAT, headers=KEY).status_code == 200
        assert server.tokens() == {"input": 3, "output": 5}


def test_a_stream_joins_to_what_a_whole_answer_says() -> None:
    with ProviderServer.running() as server:
        whole = post(server, "/v1/chat/completions", CHAT).json()["choices"][0]["message"]["content"]
        text = post(server, "/v1/chat/completions", {**CHAT, "stream": True}).text
        assert text.endswith("data: [DONE]\n\n")
        assert all(word in text for word in whole.split())
        assert len(server.answered) == 2


@pytest.mark.parametrize("mischief", sorted(MADE_ANSWERS))
@pytest.mark.parametrize("streams", [False, True])
def test_odd_answers_are_whole(mischief: Mischief, streams: bool) -> None:
    with ProviderServer.running(etiquette=always(mischief)) as server:
        answer = httpx.post(
            f"{server.url}/v1/chat/completions", json={**CHAT, "stream": streams}, headers=KEY, timeout=15
        )
        assert "how" in answer.text
        assert (len(answer.content) > 10_000_000) is (mischief is Mischief.HUGE)
        assert len(server.answered) == 1


@pytest.mark.parametrize(
    ("mischief", "status"),
    [
        (Mischief.RATE_LIMITED, 429),
        (Mischief.RATE_LIMITED_UNTIL, 429),
        (Mischief.BROKEN, 500),
        (Mischief.OVERLOADED, 529),
        (Mischief.MALFORMED, 200),
        (Mischief.WRONG_TYPE, 200),
    ],
)
def test_refusals_and_nonsense_are_no_answers(mischief: Mischief, status: int) -> None:
    with ProviderServer.running(etiquette=always(mischief)) as server:
        answer = post(server, "/v1/chat/completions", CHAT)
        assert answer.status_code == status
        if mischief is Mischief.RATE_LIMITED:
            assert answer.headers["retry-after"] == "2"
        if mischief is Mischief.RATE_LIMITED_UNTIL:
            assert answer.headers["retry-after"].endswith("GMT")
        assert server.answered == []


@pytest.mark.parametrize(
    "mischief",
    [Mischief.RESET, Mischief.RESET_MIDWAY, Mischief.SLOW, Mischief.SILENT],
)
@pytest.mark.parametrize("streams", [False, True])
def test_broken_connections_break_at_the_client(mischief: Mischief, streams: bool) -> None:
    with ProviderServer.running(etiquette=always(mischief)) as server:
        stream = httpx.stream(
            "POST",
            f"{server.url}/v1/chat/completions",
            json={**CHAT, "stream": streams},
            headers=KEY,
            timeout=PATIENCE_S,
        )
        with pytest.raises((httpx.TransportError, TimeoutError)):
            asyncio.run(_read_for(stream))
        assert server.answered == []


async def _read_for(stream: Any) -> None:
    """Read as long as anybody would; a server that drips is never caught by a timeout for each read."""
    async with asyncio.timeout(PATIENCE_S):
        with stream as answer:
            for _ in answer.iter_bytes():
                await asyncio.sleep(0)
