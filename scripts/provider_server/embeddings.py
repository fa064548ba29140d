"""Embeddings: OpenAI's wire, which many speak, and Cohere's."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from provider_server.asked import Asked, Head, Said
from provider_server.body import only, optional, required
from provider_server.openai_chat import bearer, openai_error
from provider_server.refused import RefusedError

__all__ = ["CohereEmbed", "OpenAIEmbeddings", "vector_of"]

DIMENSIONS: Final = 8


def vector_of(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A direction that depends on the text alone."""
    digest = hashlib.sha256(text.encode()).digest()
    return [digest[index % len(digest)] / 255 for index in range(dimensions)]


class _Embedding:
    """What both have in common: nothing is streamed."""

    def events(self, asked: Asked, said: Said) -> Iterator[bytes]:
        raise RefusedError.bad("$.stream", "embeddings are not streamed")


class OpenAIEmbeddings(_Embedding):
    """`POST …/embeddings`."""

    name = "openai-embeddings"

    def takes(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/embeddings")

    def key_of(self, head: Head) -> str | None:
        return bearer(head) or head.headers.get("api-key")

    def read(self, head: Head, body: Mapping[str, Any]) -> Asked:
        only(body, {"model", "input", "encoding_format", "dimensions", "user"})
        given: Any = body.get("input")
        inputs = _texts([given] if isinstance(given, str) else given, "$.input")
        return Asked(
            self.name, required(body, "model", str), inputs[0], streams=False, body=body, inputs=inputs
        )

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        size = optional(asked.body, "dimensions", int, DIMENSIONS)
        packed = asked.body.get("encoding_format") == "base64"
        vectors = [vector_of(text, size) for text in asked.inputs]
        data = [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
            for index, vector in enumerate(vectors)
        ]
        used = sum(len(text.split()) for text in asked.inputs)
        usage = {"prompt_tokens": used, "total_tokens": used}
        return {"object": "list", "data": data, "model": asked.model, "usage": usage}

    def error(self, refusal: RefusedError) -> dict[str, Any]:
        return openai_error(refusal)


class CohereEmbed(_Embedding):
    """`POST …/v2/embed`."""

    name = "cohere-embed"

    def takes(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/v2/embed")

    def key_of(self, head: Head) -> str | None:
        return bearer(head)

    def read(self, head: Head, body: Mapping[str, Any]) -> Asked:
        only(body, {"model", "texts", "input_type", "embedding_types", "truncate", "output_dimension"})
        if required(body, "input_type", str) not in {
            "search_document",
            "search_query",
            "classification",
            "clustering",
        }:
            raise RefusedError.bad("$.input_type", "is none")
        if "float" not in optional(body, "embedding_types", list, ["float"]):
            raise RefusedError.bad("$.embedding_types", "this server makes floats only")
        inputs = _texts(body.get("texts"), "$.texts")
        if len(inputs) > 96:
            raise RefusedError.bad("$.texts", "at most 96 texts a request")
        return Asked(
            self.name, required(body, "model", str), inputs[0], streams=False, body=body, inputs=inputs
        )

    def answer(self, asked: Asked, said: Said) -> dict[str, Any]:
        size = optional(asked.body, "output_dimension", int, DIMENSIONS)
        used = sum(len(text.split()) for text in asked.inputs)
        return {
            "id": "e-1",
            "texts": list(asked.inputs),
            "embeddings": {"float": [vector_of(text, size) for text in asked.inputs]},
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": used}},
            "response_type": "embeddings_by_type",
        }

    def error(self, refusal: RefusedError) -> dict[str, Any]:
        return {"id": "e-1", "message": str(refusal)}


def _texts(given: Any, place: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not given:
        raise RefusedError.bad(place, "no list of texts, or an empty one")
    texts = cast("list[Any]", given)
    for index, text in enumerate(texts):
        if not isinstance(text, str) or not text:
            raise RefusedError.bad(f"{place}[{index}]", "no text, or an empty one")
    return tuple(texts)


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
