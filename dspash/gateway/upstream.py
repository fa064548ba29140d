"""Upstream: the wires to the providers, below everything that decides about a call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dspash.gateway.port import JsonMap
from dspash.gateway.rate_limits import RateLimits
from dspash.gateway.target import Target

__all__ = [
    "CountedBy",
    "EmbeddingReply",
    "Reply",
    "TokenCount",
    "Upstream",
]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered: the whole response, also at the end of a stream."""

    response: JsonMap
    limits: RateLimits | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingReply:
    """One vector an input, in the order of the inputs."""

    vectors: list[list[float]]
    model: str
    usage: JsonMap | None = None
    limits: RateLimits | None = None
    request_id: str | None = None


class CountedBy(StrEnum):
    """How sure a count of tokens is."""

    PROVIDER = "provider"
    TOKENIZER = "tokenizer"
    ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens a request reads."""

    count: int
    how: CountedBy


class Upstream(Protocol):
    """Calls providers, each method once and on one event loop: it retries, caches and limits nothing.

    `request` is complete when it arrives: its model is the target's, defaults are merged. `deadline` is monotonic, in
    seconds. Every error is a GatewayError; cancelling a call, or closing its stream, drops the connection.
    """

    async def complete(self, target: Target, request: JsonMap, *, deadline: float | None) -> Reply:
        """Ask for one completion."""
        ...

    def stream(
        self, target: Target, request: JsonMap, *, deadline: float | None
    ) -> AsyncGenerator[JsonMap | Reply]:
        """Ask for one completion as lm15 stream events; the Reply with the response they make up is the last item."""
        ...

    async def embed(
        self, target: Target, inputs: Sequence[str], *, options: JsonMap, deadline: float | None
    ) -> EmbeddingReply:
        """Ask for the vectors of `inputs`, with options as dspy.Embedder takes them: `dimensions`, `input_type`, ….

        Raises UnsupportedFeatureError where the provider makes none.
        """
        ...

    async def count_tokens(self, target: Target, request: JsonMap, *, deadline: float | None) -> TokenCount:
        """Count what `request` reads: by the provider, else by its tokenizer, else by a stated estimate."""
        ...

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        ...
