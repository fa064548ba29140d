"""Gemini's generateContent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from provider_server.asked import Asked, Head, Said
from provider_server.body import items, only, required
from provider_server.refused import RefusedError
from provider_server.wire import event

__all__ = ["Gemini"]

_PATH: Final = re.compile(r".*/models/(?P<model>[^/:]+):(?P<verb>generateContent|streamGenerateContent)$")
_KEYS: Final = frozenset(
    "contents systemInstruction generationConfig safetySettings tools toolConfig cachedContent".split()
)


class Gemini:
    """`POST …/models/MODEL:generateContent`, and `:streamGenerateContent?alt=sse`."""

    name = "gemini"

    def takes(self, method: str, path: str) -> bool:
        return method == "POST" and _PATH.match(path) is not None

    def key_of(self, head: Head) -> str | None:
        return head.headers.get("x-goog-api-key")

    def read(self, head: Head, body: Mapping[str, Any]) -> Asked:
        only(body, _KEYS)
        named = _PATH.match(head.path)
        if named is None:
            raise RefusedError(404, "NOT_FOUND", f"no such path: {head.path}")
        streams = named["verb"] == "streamGenerateContent"
        if streams and head.query.get("alt") != "sse":
            raise RefusedError.bad("alt", "this server streams server-sent events only")
        text = ""
        contents = required(body, "contents", list)
        if not contents:
            raise RefusedError.bad("$.contents", "empty")
        for place, content in items(contents, "$.contents"):
            only(content, {"role", "parts"}, place)
            if content.get("role") not in {"user", "model", "function"}:
                raise RefusedError.bad(f"{place}.role", f"{content.get('role')!r} is no role")
            parts = items(required(content, "parts", list, place), f"{place}.parts")
            said = "".join(part.get("text", "") for _, part in parts)
            if content["role"] == "user":
                text = said
        return Asked(self.name, named["model"], text, streams, body)

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        parts: list[dict[str, Any]] = [{"text": said.text}] if said.text or not said.tool_uses else []
        parts += _calls(said)
        return _chunk(asked, said, parts, finish="MAX_TOKENS" if said.is_cut else "STOP")

    def events(self, asked: Asked, said: Said) -> Iterator[bytes]:
        for piece in said.pieces():
            yield event(_chunk(asked, said, [{"text": piece}], finish=None))
        ending = _calls(said) or [{"text": ""}]
        yield event(_chunk(asked, said, ending, finish="MAX_TOKENS" if said.is_cut else "STOP"))

    def error(self, refusal: RefusedError) -> dict[str, Any]:
        return {"error": {"code": refusal.status, "message": str(refusal), "status": refusal.code}}


def _calls(said: Said) -> list[dict[str, Any]]:
    return [{"functionCall": {"name": use.name, "args": dict(use.arguments)}} for use in said.tool_uses]


def _chunk(asked: Asked, said: Said, parts: list[dict[str, Any]], *, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": said.input_tokens,
            "candidatesTokenCount": said.output_tokens,
            "totalTokenCount": said.input_tokens + said.output_tokens,
        },
        "modelVersion": asked.model,
        "responseId": "r-1",
    }
