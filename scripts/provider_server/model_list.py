"""The list of models, as OpenAI, Anthropic, Gemini and Cohere have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from provider_server.asked import Asked, Head, Said
from provider_server.openai_chat import bearer, openai_error
from provider_server.refused import RefusedError

__all__ = ["MODELS", "ModelList"]

MODELS: Final = ("m-1", "m-2")
_KEYS: Final = ("x-api-key", "x-goog-api-key", "api-key")


class ModelList:
    """`GET …/models`."""

    name = "models"

    def takes(self, method: str, path: str) -> bool:
        return method == "GET" and path.endswith("/models")

    def key_of(self, head: Head) -> str | None:
        return bearer(head) or next((head.headers[name] for name in _KEYS if name in head.headers), None)

    def read(self, head: Head, body: Mapping[str, Any]) -> Asked:
        return Asked(self.name, "", "", streams=False, body={"path": head.path, "query": dict(head.query)})

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        if "/v1beta/" in asked.body["path"]:
            return {"models": [{"name": f"models/{model}"} for model in MODELS]}
        if "page_size" in asked.body["query"]:
            return {"models": [{"name": model} for model in MODELS], "next_page_token": None}
        return {
            "object": "list",
            "data": [{"id": model, "object": "model"} for model in MODELS],
            "has_more": False,
        }

    def events(self, asked: Asked, said: Said) -> Iterator[bytes]:
        raise RefusedError.bad("$.stream", "a list is not streamed")

    def error(self, refusal: RefusedError) -> dict[str, Any]:
        return openai_error(refusal)
