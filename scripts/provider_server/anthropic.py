"""Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from provider_server.asked import Asked, Head, Said
from provider_server.body import items, last_text, only, optional, required
from provider_server.refused import RefusedError
from provider_server.wire import event

__all__ = ["Anthropic"]

_KEYS: Final = frozenset(
    "model messages max_tokens system stream temperature top_p top_k stop_sequences tools tool_choice metadata "
    "thinking service_tier output_config output_format cache_control".split()
)


class Anthropic:
    """`POST …/messages`."""

    name = "anthropic"

    def takes(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/messages")

    def key_of(self, head: Head) -> str | None:
        return head.headers.get("x-api-key")

    def read(self, head: Head, body: Mapping[str, Any]) -> Asked:
        if "anthropic-version" not in head.headers:
            raise RefusedError.bad("anthropic-version", "header is required")
        only(body, _KEYS)
        if required(body, "max_tokens", int) < 1:
            raise RefusedError.bad("$.max_tokens", "must be at least 1")
        text = ""
        for place, message in items(required(body, "messages", list), "$.messages"):
            only(message, {"role", "content"}, place)
            role = required(message, "role", str, place)
            if role not in {"user", "assistant"}:
                raise RefusedError.bad(f"{place}.role", f"{role!r} is no role")
            if role == "user":
                text = last_text(message.get("content"), f"{place}.content")
        streams = optional(body, "stream", bool, default=False)
        return Asked(self.name, required(body, "model", str), text, streams, body)

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        return {**_envelope(asked, said), "content": _content(said), "stop_reason": _stop_reason(said)}

    def events(self, asked: Asked, said: Said) -> Iterator[bytes]:
        begun = _envelope(asked, said)
        begun["usage"] = {"input_tokens": said.input_tokens, "output_tokens": 0}
        yield event({"type": "message_start", "message": begun}, "message_start")
        for index, block in enumerate(_content(said)):
            if block["type"] == "text":
                empty: dict[str, Any] = {"type": "text", "text": ""}
                deltas = [{"type": "text_delta", "text": piece} for piece in said.pieces()]
            else:
                empty = {**block, "input": {}}
                deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
            start = {"type": "content_block_start", "index": index, "content_block": empty}
            yield event(start, "content_block_start")
            for delta in deltas:
                yield event(
                    {"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta"
                )
            yield event({"type": "content_block_stop", "index": index}, "content_block_stop")
        delta = {"stop_reason": _stop_reason(said), "stop_sequence": None}
        usage = {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens}
        yield event({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta")
        yield event({"type": "message_stop"}, "message_stop")

    def error(self, refusal: RefusedError) -> dict[str, Any]:
        return {
            "type": "error",
            "error": {"type": refusal.code, "message": str(refusal)},
            "request_id": "req_1",
        }


def _envelope(asked: Asked, said: Said) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens},
    }


def _content(said: Said) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if said.text or not said.tool_uses:
        content.append({"type": "text", "text": said.text})
    for index, use in enumerate(said.tool_uses):
        content.append(
            {"type": "tool_use", "id": f"toolu_{index}", "name": use.name, "input": dict(use.arguments)}
        )
    return content


def _stop_reason(said: Said) -> str:
    if said.tool_uses:
        return "tool_use"
    return "max_tokens" if said.is_cut else "end_turn"
