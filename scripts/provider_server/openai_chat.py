"""OpenAI's chat completions, which most providers speak: Cohere, Mistral, Groq, vLLM and the rest under other addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from provider_server.asked import Asked, Head, Said
from provider_server.body import items, last_text, only, optional, required
from provider_server.refused import RefusedError
from provider_server.wire import event

__all__ = ["OpenAIChat", "bearer", "openai_error"]

_KEYS: Final = frozenset(
    "model messages stream stream_options max_tokens max_completion_tokens temperature top_p n stop seed frequency_penalty "
    "presence_penalty logprobs top_logprobs tools tool_choice parallel_tool_calls response_format reasoning_effort "
    "user store service_tier prediction".split()
)
_MESSAGE_KEYS: Final = frozenset(
    "role content name tool_calls tool_call_id refusal reasoning_content".split()
)
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
_ID: Final = "chatcmpl-1"


class OpenAIChat:
    """`POST …/chat/completions`."""

    name = "openai-chat"

    def takes(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/chat/completions")

    def key_of(self, head: Head) -> str | None:
        return bearer(head) or head.headers.get("api-key")

    def read(self, head: Head, body: Mapping[str, Any]) -> Asked:
        only(body, _KEYS)
        streams = optional(body, "stream", bool, default=False)
        if "stream_options" in body and not streams:
            raise RefusedError.bad("$.stream_options", "only allowed when stream is true")
        text = ""
        messages = required(body, "messages", list)
        if not messages:
            raise RefusedError.bad("$.messages", "empty")
        for place, message in items(messages, "$.messages"):
            only(message, _MESSAGE_KEYS, place)
            role = required(message, "role", str, place)
            if role not in _ROLES:
                raise RefusedError.bad(f"{place}.role", f"{role!r} is no role")
            if role == "user":
                text = last_text(message.get("content"), f"{place}.content")
        temperature = body.get("temperature", 1.0)
        if not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
            raise RefusedError.bad("$.temperature", "must be between 0 and 2")
        return Asked(self.name, required(body, "model", str), text, streams, body)

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None}
        if said.tool_uses:
            message["tool_calls"] = _calls(said)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
        return {
            "id": _ID,
            "object": "chat.completion",
            "created": 1,
            "model": asked.model,
            "choices": [choice],
            "usage": _usage(said),
        }

    def events(self, asked: Asked, said: Said) -> Iterator[bytes]:
        yield self._chunk(asked, {"role": "assistant", "content": ""})
        for piece in said.pieces():
            yield self._chunk(asked, {"content": piece})
        for index, call in enumerate(_calls(said)):
            yield self._chunk(asked, {"tool_calls": [{"index": index, **call}]})
        yield self._chunk(asked, {}, finish=_finish(said))
        options: Any = asked.body.get("stream_options") or {}
        if options.get("include_usage"):
            yield event({**self._envelope(asked), "choices": [], "usage": _usage(said)})
        yield event("[DONE]")

    def error(self, refusal: RefusedError) -> dict[str, Any]:
        return openai_error(refusal)

    def _chunk(self, asked: Asked, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**self._envelope(asked), "choices": [choice]})

    def _envelope(self, asked: Asked) -> dict[str, Any]:
        return {"id": _ID, "object": "chat.completion.chunk", "created": 1, "model": asked.model}


def bearer(head: Head) -> str | None:
    """The key in `Authorization: Bearer`."""
    scheme, _, key = head.headers.get("authorization", "").partition(" ")
    return key if scheme == "Bearer" and key else None


def openai_error(refusal: RefusedError) -> dict[str, Any]:
    """OpenAI's error envelope, which those who speak its language share."""
    return {"error": {"message": str(refusal), "type": refusal.code, "param": None, "code": refusal.code}}


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": use.name, "arguments": json.dumps(dict(use.arguments))},
        }
        for index, use in enumerate(said.tool_uses)
    ]


def _finish(said: Said) -> str:
    if said.tool_uses:
        return "tool_calls"
    return "length" if said.is_cut else "stop"


def _usage(said: Said) -> dict[str, int]:
    total = said.input_tokens + said.output_tokens
    return {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": total,
    }
