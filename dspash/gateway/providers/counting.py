"""Counting: how many tokens a request has, by who can say it best."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lm15 import Request

from dspash.gateway.port import JsonMap, JsonValue
from dspash.gateway.providers.adapters import model_string, request_builder_of
from dspash.gateway.providers.line import Line
from dspash.gateway.providers.provider_type import TokenCounter, Wire
from dspash.gateway.upstream import CountedBy, TokenCount

__all__ = ["count_at_provider", "count_here"]

_CHARACTERS_A_TOKEN: Final = 4  # of English, by OpenAI's own rule of thumb
_TOKENS_A_MESSAGE: Final = 4  # what sets one message apart from the next; OpenAI's cookbook counts 3 or 4
_VOCABULARIES: Final = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
_OPENAI_MODELS: Final = frozenset({"openai", "azure"})

_COUNTED: Final = {
    # What a counting endpoint takes of the request that it counts.
    TokenCounter.MESSAGES: frozenset("model messages system tools tool_choice thinking".split()),
    TokenCounter.RESPONSES: frozenset(
        "model input instructions tools tool_choice text reasoning parallel_tool_calls truncation".split()
    ),
}


async def count_at_provider(line: Line, request: Request, model: str) -> int | None:
    """What the provider's own endpoint counts; None where it has none. Raises lm15's errors."""
    counter = line.connection.type.counter
    match counter:
        case None:
            return None
        case TokenCounter.TOKENIZE:
            url, headers, body = _built(line, request)
            base = url.removesuffix("/v1/chat/completions")
            payload = {name: body[name] for name in ("model", "messages", "tools") if name in body}
            return _figure(await line.post(f"{base}/tokenize", payload, headers), "count")
        case TokenCounter.GENERATE:
            url, headers, body = _built(line, request)
            payload = JsonMap(generateContentRequest={"model": f"models/{model}", **body})
            return _figure(
                await line.post(url.replace(":generateContent", ":countTokens"), payload, headers),
                "totalTokens",
            )
        case TokenCounter.MESSAGES | TokenCounter.RESPONSES:
            wire = Wire.MESSAGES if counter is TokenCounter.MESSAGES else Wire.RESPONSES
            url, headers, body = _built(line, request, wire)
            path = "count_tokens" if counter is TokenCounter.MESSAGES else "input_tokens"
            payload = {name: value for name, value in body.items() if name in _COUNTED[counter]}
            return _figure(await line.post(f"{url}/{path}", payload, headers), "input_tokens")


def count_here(line: Line, request: JsonMap, model: str) -> TokenCount:
    """What a tokenizer counts that is here with its vocabulary, else what the length of the texts suggests."""
    texts = list(_texts(request.get("messages"))) + list(_texts(request.get("system")))
    tools = request.get("tools")
    if tools:
        texts.append(json.dumps(tools, ensure_ascii=False))
    messages = request.get("messages")
    apart = _TOKENS_A_MESSAGE * (len(messages) if isinstance(messages, list) else 0)
    encoding = _tiktoken_of(model) if line.connection.type.name in _OPENAI_MODELS else None
    if encoding is not None:
        counted = sum(len(encoding.encode(text, disallowed_special=())) for text in texts)
        return TokenCount(counted + apart, CountedBy.TOKENIZER)
    letters = sum(len(text) for text in texts)
    return TokenCount(-(-letters // _CHARACTERS_A_TOKEN) + apart, CountedBy.ESTIMATE)


def _built(line: Line, request: Request, wire: Wire | None = None) -> tuple[str, dict[str, str], JsonMap]:
    """Address, headers and body of the completion that is to be counted."""
    connection = line.connection if wire is None else replace(line.connection, wire=wire)
    asked = replace(request, model=model_string(connection, request.model.partition(":")[2]))
    built: Any = request_builder_of(connection, line.transport).build_request(asked, stream=False)
    headers = {name: value for name, value in built.headers if name.lower() != "content-type"}
    return built.url, headers, json.loads(built.body)


def _figure(reply: JsonMap, name: str) -> int:
    figure = reply[name]
    if not isinstance(figure, int) or isinstance(figure, bool) or figure < 0:
        raise ValueError(f"{name} is no count")
    return figure


def _texts(value: JsonValue) -> Iterator[str]:
    """Every text inside messages or parts; what is no text, such as an image, has tokens that no length tells."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, dict):
        if value.get("type") == "tool_call":
            yield json.dumps(value.get("input"), ensure_ascii=False)
        for name in ("parts", "text", "content"):
            yield from _texts(value.get(name))


def _tiktoken_of(model: str) -> Any:
    """The tokenizer of one of OpenAI's models; None without tiktoken, or where it would have to fetch a vocabulary."""
    if importlib.util.find_spec("tiktoken") is None:
        return None
    import tiktoken

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    cached = hashlib.sha1(_VOCABULARIES.format(name=name).encode(), usedforsecurity=False).hexdigest()
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    place = Path(folder or Path(tempfile.gettempdir(), "data-gym-cache"), cached)
    return tiktoken.get_encoding(name) if place.is_file() else None
