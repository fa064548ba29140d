"""OpenAI's Responses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from provider_server.asked import Asked, Head, Said
from provider_server.body import items, last_text, only, optional, required
from provider_server.openai_chat import bearer, openai_error
from provider_server.refused import RefusedError
from provider_server.wire import event

__all__ = ["OpenAIResponses"]

_KEYS: Final = frozenset(
    "model input instructions stream store include max_output_tokens temperature top_p tools tool_choice "
    "parallel_tool_calls text reasoning truncation user metadata previous_response_id service_tier "
    "prompt_cache_key safety_identifier top_logprobs".split()
)
_ITEM_KINDS: Final = frozenset({"message", "function_call", "function_call_output", "reasoning"})


class OpenAIResponses:
    """`POST …/responses`."""

    name = "openai-responses"

    def takes(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/responses")

    def key_of(self, head: Head) -> str | None:
        return bearer(head) or head.headers.get("api-key")

    def read(self, head: Head, body: Mapping[str, Any]) -> Asked:
        only(body, _KEYS)
        model = required(body, "model", str)
        streams = optional(body, "stream", bool, default=False)
        return Asked(self.name, model, _last_user_text(body.get("input")), streams, body)

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        return _response(asked, said, _output(said), status="incomplete" if said.is_cut else "completed")

    def events(self, asked: Asked, said: Said) -> Iterator[bytes]:
        begun = _response(asked, said, [], status="in_progress")
        number = 0

        def told(kind: str, **fields: Any) -> bytes:
            nonlocal number
            number += 1
            return event({"type": kind, "sequence_number": number, **fields}, kind)

        yield told("response.created", response={**begun, "usage": None})
        for index, item in enumerate(_output(said)):
            place = {"output_index": index, "item_id": item["id"]}
            yield told(
                "response.output_item.added", output_index=index, item={**item, **_EMPTY[item["type"]]}
            )
            if item["type"] == "message":
                part = {**place, "content_index": 0}
                empty = {"type": "output_text", "text": "", "annotations": []}
                yield told("response.content_part.added", **part, part=empty)
                for piece in said.pieces():
                    yield told("response.output_text.delta", **part, delta=piece)
                yield told("response.output_text.done", **part, text=said.text)
                yield told("response.content_part.done", **part, part=item["content"][0])
            else:
                yield told("response.function_call_arguments.delta", **place, delta=item["arguments"])
                yield told("response.function_call_arguments.done", **place, arguments=item["arguments"])
            yield told("response.output_item.done", output_index=index, item=item)
        ending = "incomplete" if said.is_cut else "completed"
        yield told(f"response.{ending}", response=self.answer(asked, said))

    def error(self, refusal: RefusedError) -> dict[str, Any]:
        return openai_error(refusal)


_EMPTY: Final[dict[str, dict[str, Any]]] = {
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
}


def _last_user_text(given: Any) -> str:
    if isinstance(given, str):
        return given
    if not isinstance(given, list) or not given:
        raise RefusedError.bad("$.input", "neither text nor items")
    text = ""
    for place, item in items(cast("list[Any]", given), "$.input"):
        kind = item.get("type", "message")
        if kind not in _ITEM_KINDS:
            raise RefusedError.bad(f"{place}.type", f"{kind!r} is no item")
        if kind == "message" and required(item, "role", str, place) == "user":
            text = last_text(item.get("content"), f"{place}.content", kinds=("input_text",))
    return text


def _output(said: Said) -> list[dict[str, Any]]:
    content = [{"type": "output_text", "text": said.text, "annotations": []}]
    output: list[dict[str, Any]] = []
    if said.text or not said.tool_uses:
        output.append(
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}
        )
    for index, use in enumerate(said.tool_uses):
        output.append(
            {
                "id": f"fc_{index}",
                "type": "function_call",
                "status": "completed",
                "call_id": f"call_{index}",
                "name": use.name,
                "arguments": json.dumps(dict(use.arguments)),
            }
        )
    return output


def _response(asked: Asked, said: Said, output: list[dict[str, Any]], *, status: str) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": asked.model,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "output": output,
        "usage": {
            "input_tokens": said.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.input_tokens + said.output_tokens,
        },
    }
