"""Every kind of provider is asked in its own language, answers as lm15 has it, and fails as an error of the gateway."""

from __future__ import annotations

import asyncio
import copy
import json
import time
import traceback
from typing import Any, Final

import httpx
import pytest

from dspash.gateway.errors import (
    AuthError,
    GatewayError,
    MalformedReplyError,
    ModelRequestError,
    ModelTimeoutError,
    RateLimitError,
    RejectedRequestError,
    ServerError,
    TransportError,
    UnsupportedFeatureError,
)
from dspash.gateway.port import JsonMap
from dspash.gateway.providers.connection import Connection, provider_type
from dspash.gateway.providers.provider_type import EmbeddingWire, Wire
from dspash.gateway.providers.transport import HttpTransport
from dspash.gateway.providers.wires import Wires
from dspash.gateway.target import Target
from dspash.gateway.upstream import CountedBy, Reply
from dspash.secrets import SHOWN, Secret
from provider_server import Asked, Manners, Mischief, Said, ToolUse
from tests.gateway.providers.conftest import KEY, Bench, request, soon
from tests.leaks import no_leaks, wait_until

WIRES: Final = [
    ("openai", Wire.CHAT),
    ("openai", Wire.RESPONSES),
    ("anthropic", Wire.MESSAGES),
    ("gemini", Wire.GENERATE),
    ("cohere", Wire.CHAT),
    ("mistral", Wire.CHAT),
    ("azure", Wire.CHAT),
    ("azure", Wire.RESPONSES),
    ("groq", Wire.CHAT),
    ("deepseek", Wire.CHAT),
    ("openrouter", Wire.CHAT),
    ("together", Wire.CHAT),
    ("ollama", Wire.CHAT),
    ("vllm", Wire.CHAT),
    ("lmstudio", Wire.CHAT),
    ("openai-compatible", Wire.CHAT),
]
LANGUAGES: Final = [
    ("openai", Wire.CHAT),
    ("openai", Wire.RESPONSES),
    ("anthropic", Wire.MESSAGES),
    ("gemini", Wire.GENERATE),
]
WEATHER: Final[JsonMap] = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def text_of(response: Any) -> str:
    return "".join(part.get("text", "") for part in response["message"]["parts"])


async def completed(wires: Wires, target: Target, asked: JsonMap | None = None) -> Reply:
    return await wires.complete(target, asked or request(), deadline=soon())


async def streamed(wires: Wires, target: Target, asked: JsonMap | None = None) -> list[Any]:
    return [item async for item in wires.stream(target, asked or request(), deadline=soon())]


def failing(bench: Bench, connection: Connection, use: Any = completed) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        bench.run(connection, use)
    return caught.value


@pytest.mark.parametrize(("name", "wire"), WIRES)
def test_every_kind_of_provider_answers(bench: Bench, name: str, wire: Wire) -> None:
    asked = request("what is up", system="Be brief.", config={"temperature": 0.5, "max_tokens": 50})

    reply = bench.run(bench.connection(name, wire), lambda wires, target: completed(wires, target, asked))

    assert text_of(reply.response) == "You said: what is up"
    assert reply.response["finish_reason"] == "stop"
    usage: Any = reply.response["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (3, 5)


@pytest.mark.parametrize(("name", "wire"), WIRES)
def test_every_kind_of_provider_streams_what_it_would_have_answered(
    bench: Bench, name: str, wire: Wire
) -> None:
    async def both(wires: Wires, target: Target) -> tuple[Reply, list[Any]]:
        return await completed(wires, target), await streamed(wires, target)

    whole, items = bench.run(bench.connection(name, wire), both)

    *events, last = items
    assert [event["type"] for event in events] == ["start", *["delta"] * (len(events) - 2), "end"]
    assert "".join(event["delta"]["text"] for event in events[1:-1]) == "You said: how are you"
    assert last.response["message"] == whole.response["message"]
    if name != "mistral":  # which sends the usage unasked, as the server does not
        assert last.response["usage"] == whole.response["usage"]


@pytest.mark.parametrize("name", sorted({name for name, _wire in WIRES}))
def test_every_kind_of_provider_lists_its_models(bench: Bench, name: str) -> None:
    listed = bench.run(bench.connection(name), lambda wires, target: wires.models(target, deadline=soon()))

    assert listed == ["m-1", "m-2"]


@pytest.mark.parametrize(("name", "wire"), LANGUAGES)
def test_tools_are_offered_and_called(bench: Bench, name: str, wire: Wire) -> None:
    bench.script.reply = lambda _asked: Said("", (ToolUse("weather", {"city": "Oslo"}),))
    asked = request(tools=[WEATHER])

    async def both(wires: Wires, target: Target) -> tuple[Reply, list[Any]]:
        return await completed(wires, target, asked), await streamed(wires, target, asked)

    whole, items = bench.run(bench.connection(name, wire), both)

    for reply in (whole, items[-1]):
        message: Any = reply.response["message"]
        (call,) = (part for part in message["parts"] if part["type"] == "tool_call")
        assert (call["name"], call["input"]) == ("weather", {"city": "Oslo"})
        assert reply.response["finish_reason"] == "tool_call"


@pytest.mark.parametrize("mischief", [Mischief.GZIP, Mischief.HUGE])
def test_packed_and_huge_answers_arrive_whole(bench: Bench, mischief: Mischief) -> None:
    bench.script.misbehave(mischief)

    reply = bench.run(bench.connection("openai"), completed)

    text = text_of(reply.response)
    assert text.startswith("You said: how are you")
    assert len(text) == 21 + (10_000_001 if mischief is Mischief.HUGE else 0)


def test_answers_beyond_the_limit_are_cut_off(bench: Bench) -> None:
    bench.script.misbehave(Mischief.HUGE)
    connection = bench.connection("openai")

    async def limited(wires: Wires, target: Target) -> Reply:
        small = Wires(wires._connections, transport=HttpTransport(most_bytes=1_000_000))
        try:
            return await completed(small, target)
        finally:
            await small.aclose()

    with pytest.raises(TransportError, match="more than 1,000,000 bytes"):
        bench.run(connection, limited)


@pytest.mark.parametrize(("name", "wire"), LANGUAGES)
@pytest.mark.parametrize(
    ("mischief", "kind", "status"),
    [
        (Mischief.RATE_LIMITED, RateLimitError, 429),
        (Mischief.RATE_LIMITED_UNTIL, RateLimitError, 429),
        (Mischief.BROKEN, ServerError, 500),
        (Mischief.OVERLOADED, ServerError, 529),
        (Mischief.RESET, TransportError, None),
        (Mischief.RESET_MIDWAY, TransportError, 200),
        (Mischief.MALFORMED, MalformedReplyError, 200),
        (Mischief.WRONG_TYPE, MalformedReplyError, 200),
    ],
    ids=lambda value: value.name if isinstance(value, Mischief) else None,
)
def test_each_mischief_is_its_own_error_that_may_be_retried(
    bench: Bench, *, name: str, wire: Wire, mischief: Mischief, kind: type[GatewayError], status: int | None
) -> None:
    bench.script.misbehave(mischief)

    error = failing(bench, bench.connection(name, wire))

    assert type(error) is kind
    assert error.retryable
    assert (error.provider, error.status) == (name, status)
    if kind is RateLimitError:
        # A date has whole seconds.
        assert error.retry_after_s is not None
        assert 0.5 <= error.retry_after_s <= 2.0


@pytest.mark.parametrize(("name", "wire"), LANGUAGES)
@pytest.mark.parametrize(
    "mischief", [Mischief.HALF_EVENT, Mischief.RESET_MIDWAY, Mischief.RATE_LIMITED], ids=lambda m: m.name
)
def test_truncated_stream_never_ends_quietly(bench: Bench, name: str, wire: Wire, mischief: Mischief) -> None:
    bench.script.misbehave(mischief)

    error = failing(bench, bench.connection(name, wire), streamed)

    assert isinstance(error, RateLimitError | TransportError | MalformedReplyError)
    assert error.retryable


@pytest.mark.parametrize("mischief", [Mischief.SILENT, Mischief.SLOW], ids=lambda m: m.name)
def test_deadline_ends_what_never_ends(bench: Bench, mischief: Mischief) -> None:
    bench.script.misbehave(mischief)
    asked_before = bench.server.abandoned

    async def hurried(wires: Wires, target: Target) -> Reply:
        return await wires.complete(target, request(), deadline=time.monotonic() + 0.05)

    error = failing(bench, bench.connection("openai"), hurried)

    assert isinstance(error, ModelTimeoutError)
    wait_until(lambda: bench.server.abandoned > asked_before, "the connection to be dropped")


def test_cancelled_call_and_closed_stream_drop_their_connections(bench: Bench) -> None:
    async def cancelled(wires: Wires, target: Target) -> None:
        bench.script.misbehave(Mischief.SILENT)
        arrived = bench.server.asked
        call = asyncio.ensure_future(completed(wires, target))
        await asyncio.to_thread(wait_until, lambda: bench.server.asked > arrived, "the request to arrive")
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()

        bench.script.manners = Manners(between_s=0.02)
        bench.script.reply = lambda asked: Said.of(asked, "word " * 1000)
        stream = wires.stream(target, request(), deadline=soon())
        await anext(stream)
        await stream.aclose()
        assert wires._transport.in_flight == 0

    before = bench.server.abandoned
    bench.run(bench.connection("openai"), cancelled)
    wait_until(lambda: bench.server.abandoned == before + 2, "both connections to be dropped")


def test_calls_leave_nothing_behind(bench: Bench, tmp_path: Any) -> None:
    bench.run(bench.connection("openai"), completed)
    with no_leaks(tmp_path):
        bench.run(bench.connection("openai"), completed)


def test_wrong_key_is_said_and_never_quoted(bench: Bench) -> None:
    wrong = "sk-wrong-key-of-the-tests"

    error = failing(bench, bench.connection("anthropic", key=wrong))

    assert type(error) is AuthError
    assert not error.retryable
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert wrong not in shown


def test_what_a_provider_quotes_of_the_key_is_taken_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quote(_asked: Asked) -> Said:
        raise AssertionError("not reached")

    def answer(_request: httpx.Request) -> httpx.Response:
        body = {
            "error": {"message": f"the key {KEY} is of no use", "type": "invalid_request_error", "code": KEY}
        }
        return httpx.Response(400, json=body, headers={"x-request-id": f"req-{KEY}"})

    async def quoted(wires: Wires, target: Target) -> Reply:
        lane = wires._transport._lane(1)
        monkeypatch.setattr(lane.client, "_transport", httpx.MockTransport(answer))
        return await completed(wires, target)

    bench.script.reply = quote
    error = failing(bench, bench.connection("openai"), quoted)

    assert type(error) is RejectedRequestError
    assert SHOWN in str(error)
    assert error.request_id == f"req-{SHOWN}"
    assert KEY not in "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error.details())
    assert error.__context__ is None


@pytest.mark.parametrize(
    "unfit",
    [
        {"model": "x"},
        {"model": "x", "messages": [{"role": "king", "parts": []}]},
        {"model": "x", "messages": 3},
    ],
    ids=["no messages", "unknown role", "no list"],
)
def test_unfit_request_is_refused_before_anything_is_sent(bench: Bench, unfit: JsonMap) -> None:
    seen = bench.server.asked

    with pytest.raises(ModelRequestError, match=r"\$\.request"):
        bench.run(bench.connection("openai"), lambda wires, target: completed(wires, target, unfit))

    assert bench.server.asked == seen


@pytest.mark.parametrize("name", ["openai", "cohere", "azure", "ollama", "mistral"])
def test_texts_become_vectors_in_their_order(bench: Bench, name: str) -> None:
    texts = [f"text {number}" for number in range(100)]  # more than one of Cohere's requests may have

    reply = bench.run(
        bench.connection(name), lambda wires, target: wires.embed(target, texts, options={}, deadline=soon())
    )

    assert len(reply.vectors) == 100
    single = bench.run(
        bench.connection(name),
        lambda wires, target: wires.embed(target, texts[98:99], options={}, deadline=soon()),
    )
    assert reply.vectors[98] == single.vectors[0]
    assert reply.usage == {"input_tokens": 200, "total_tokens": 200}


def test_options_of_embeddings_are_checked(bench: Bench) -> None:
    def embed(name: str, **options: Any) -> list[list[float]]:
        return bench.run(
            bench.connection(name),
            lambda wires, target: wires.embed(target, ["a"], options=options, deadline=soon()),
        ).vectors

    assert len(embed("openai", dimensions=3)[0]) == 3
    assert len(embed("cohere", dimensions=5, input_type="search_query")[0]) == 5
    with pytest.raises(ModelRequestError, match="api_key"):
        embed("openai", api_key="x")
    with pytest.raises(ModelRequestError, match="dimensions"):
        embed("openai", dimensions="3")
    with pytest.raises(UnsupportedFeatureError, match="input_type"):
        embed("openai", input_type="search_query")
    with pytest.raises(UnsupportedFeatureError, match="makes no embeddings"):
        embed("anthropic")
    assert provider_type("anthropic").embeddings is not EmbeddingWire.OPENAI


def test_tokens_are_estimated_where_nobody_counts_them(bench: Bench) -> None:
    async def counted(wires: Wires, target: Target) -> Any:
        return await wires.count_tokens(target, request("word " * 100), deadline=soon())

    for name in ("openai", "anthropic", "groq"):
        count = bench.run(bench.connection(name), counted)
        assert count.how is CountedBy.ESTIMATE
        assert 100 <= count.count <= 150


@pytest.mark.parametrize(
    ("name", "path", "reply", "asked"),
    [
        ("openai", "/v1/responses/input_tokens", {"input_tokens": 7}, {"model", "input"}),
        ("anthropic", "/v1/messages/count_tokens", {"input_tokens": 7}, {"model", "messages"}),
        ("gemini", "/v1beta/models/m-1:countTokens", {"totalTokens": 7}, {"generateContentRequest"}),
        ("vllm", "/tokenize", {"count": 7}, {"model", "messages"}),
    ],
)
def test_tokens_are_counted_by_the_provider(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, name: str, path: str, reply: JsonMap, asked: set[str]
) -> None:
    sent: list[httpx.Request] = []

    def answer(got: httpx.Request) -> httpx.Response:
        sent.append(got)
        return httpx.Response(200, json=reply)

    async def counted(wires: Wires, target: Target) -> Any:
        monkeypatch.setattr(wires._transport._lane(1).client, "_transport", httpx.MockTransport(answer))
        return await wires.count_tokens(target, request(config={"max_tokens": 5}), deadline=soon())

    count = bench.run(bench.connection(name), counted)

    assert (count.count, count.how) == (7, CountedBy.PROVIDER)
    (got,) = sent
    assert got.url.path == path
    assert set(json.loads(got.content)) == asked
    assert KEY in "".join(got.headers.values())


def test_connection_keeps_its_key_to_itself() -> None:
    connection = Connection("mine", provider_type("openai"), "https://example.org/v1", Secret(KEY))

    assert KEY not in repr(connection) + repr(connection.target("m")) + connection.id + connection.key_id
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(connection)


def test_512_calls_are_in_flight_at_once(bench: Bench) -> None:
    async def many(wires: Wires, target: Target) -> None:
        before = bench.server.asked
        calls = [asyncio.ensure_future(completed(wires, target)) for _ in range(512)]
        await asyncio.to_thread(
            wait_until, lambda: bench.server.asked == before + 512, "512 requests to arrive"
        )
        assert not any(call.done() for call in calls)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert wires._transport.in_flight == 0

    bench.script.misbehave(Mischief.SILENT)
    bench.run(bench.connection("openai"), many)
