"""Embedding: texts become vectors, in the languages of OpenAI, Cohere and Gemini."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from dspash.gateway.errors import ModelRequestError, UnsupportedFeatureError
from dspash.gateway.port import JsonMap, JsonValue
from dspash.gateway.providers.connection import Connection
from dspash.gateway.providers.provider_type import EmbeddingWire

__all__ = ["Batch", "EmbeddingDialect", "dialect_of"]

Inputs = Sequence[str]

_TASKS: Final = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
"""What Cohere calls the purpose of a vector, and Gemini."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The vectors of one request, as many as it had texts, and the tokens that it was billed for."""

    vectors: list[list[float]]
    model: str | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class EmbeddingDialect:
    """One wire: where the request goes behind the base URL, what it is, and how its reply is read."""

    most_inputs: int
    options: frozenset[str]
    url: Callable[[str, str], str]
    """Of the base URL and the model."""
    payload: Callable[[str, Inputs, JsonMap], JsonMap]
    read: Callable[[JsonMap], Batch]
    """Raises KeyError, TypeError, ValueError … for what is no such reply."""

    def check(self, connection: Connection, options: JsonMap) -> None:
        """Raise ModelRequestError or UnsupportedFeatureError for options that this wire has not."""
        for name, value in options.items():
            if name not in _OPTIONS:
                raise ModelRequestError(f"$.options.{name}", f"is no option; there are {', '.join(_OPTIONS)}")
            if not isinstance(value, _OPTIONS[name]) or isinstance(value, bool):
                raise ModelRequestError(f"$.options.{name}", f"is no {_OPTIONS[name].__name__}")
            if name not in self.options:
                raise UnsupportedFeatureError(
                    f"{connection.name} takes no {name} for embeddings", provider=connection.name
                )
        purpose = options.get("input_type", "search_document")
        if purpose not in _TASKS:
            raise ModelRequestError("$.options.input_type", f"is none of {', '.join(_TASKS)}")


_NOTHING: Final[dict[str, Any]] = {}
_OPTIONS: Final[dict[str, type]] = {"dimensions": int, "input_type": str, "user": str}


def dialect_of(connection: Connection) -> EmbeddingDialect:
    """The wire by which `connection` embeds. Raises UnsupportedFeatureError where it does not."""
    wire = connection.type.embeddings
    if wire is None:
        raise UnsupportedFeatureError(
            f"{connection.name}: {connection.type.title} makes no embeddings", provider=connection.name
        )
    return _MISTRAL if connection.type.name == "mistral" else _DIALECTS[wire]


def _openai_payload(model: str, inputs: Inputs, options: JsonMap) -> JsonMap:
    return {"model": model, "input": list[JsonValue](inputs), "encoding_format": "float", **options}


def _mistral_payload(model: str, inputs: Inputs, options: JsonMap) -> JsonMap:
    size: JsonMap = {"output_dimension": options["dimensions"]} if "dimensions" in options else {}
    return {"model": model, "input": list[JsonValue](inputs), **size}


def _read_openai(reply: Any) -> Batch:
    rows = sorted(reply["data"], key=lambda row: row["index"])
    usage: dict[str, Any] = reply.get("usage") or {}
    return Batch([_vector(row["embedding"]) for row in rows], reply.get("model"), usage.get("prompt_tokens"))


def _cohere_payload(model: str, inputs: Inputs, options: JsonMap) -> JsonMap:
    payload: JsonMap = {
        "model": model,
        "texts": list[JsonValue](inputs),
        "input_type": options.get("input_type", "search_document"),
        "embedding_types": ["float"],
    }
    if "dimensions" in options:
        payload["output_dimension"] = options["dimensions"]
    return payload


def _read_cohere(reply: Any) -> Batch:
    billed: dict[str, Any] = (reply.get("meta") or _NOTHING).get("billed_units") or _NOTHING
    tokens: Any = billed.get("input_tokens")
    return Batch(
        [_vector(row) for row in reply["embeddings"]["float"]], None, None if tokens is None else int(tokens)
    )


def _gemini_payload(model: str, inputs: Inputs, options: JsonMap) -> JsonMap:
    each: JsonMap = {"model": f"models/{model}"}
    if "dimensions" in options:
        each["outputDimensionality"] = options["dimensions"]
    if "input_type" in options:
        each["taskType"] = _TASKS[cast("str", options["input_type"])]
    return {"requests": [{**each, "content": {"parts": [{"text": text}]}} for text in inputs]}


def _read_gemini(reply: Any) -> Batch:
    return Batch([_vector(row["values"]) for row in reply["embeddings"]], None, None)


def _vector(row: Any) -> list[float]:
    if not isinstance(row, list) or not row:
        raise TypeError("a vector is a list of numbers")
    numbers = cast("list[Any]", row)
    if not all(type(number) is float or type(number) is int for number in numbers):
        raise TypeError("a vector holds something that is no number")
    return cast("list[float]", numbers)


_OPENAI: Final = EmbeddingDialect(
    most_inputs=2048,
    options=frozenset({"dimensions", "user"}),
    url=lambda base, _model: f"{base}/embeddings",
    payload=_openai_payload,
    read=_read_openai,
)
_MISTRAL: Final = EmbeddingDialect(
    most_inputs=512,
    options=frozenset({"dimensions"}),
    url=_OPENAI.url,
    payload=_mistral_payload,
    read=_read_openai,
)
_DIALECTS: Final = {
    EmbeddingWire.OPENAI: _OPENAI,
    EmbeddingWire.COHERE: EmbeddingDialect(
        most_inputs=96,
        options=frozenset({"dimensions", "input_type"}),
        url=lambda base, _model: f"{base.removesuffix('/compatibility/v1')}/v2/embed",
        payload=_cohere_payload,
        read=_read_cohere,
    ),
    EmbeddingWire.GEMINI: EmbeddingDialect(
        most_inputs=100,
        options=frozenset({"dimensions", "input_type"}),
        url=lambda base, model: f"{base}/models/{model}:batchEmbedContents",
        payload=_gemini_payload,
        read=_read_gemini,
    ),
}
