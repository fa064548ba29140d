"""Tokens: how soon the first piece of a stream is there."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import dspash
from benchmarks.gateway.amounts import GatewayAmounts
from benchmarks.gateway.clients import Client, clients
from benchmarks.gateway.provider import MODEL, provider
from benchmarks.isolation.amounts import Measured
from benchmarks.samples import median, quantiles

__all__ = ["measure_tokens"]

_BETWEEN_S: Final = 0.005


def measure_tokens(amounts: GatewayAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """From the call to the first piece of text; the provider sends one every 5 ms."""
    tell("first tokens of streams")
    with (
        provider(between_s=_BETWEEN_S) as url,
        tempfile.TemporaryDirectory() as folder,
        dspash.open(workers=1, lm=f"openai/{MODEL}", database=Path(folder) / "bench.db") as app,
    ):
        rounds = asyncio.run(_rounds(amounts, url, app))
    for name in rounds[0]:
        told = quantiles([sample for each in rounds for sample in each[name]])
        yield Measured(f"first token by {name}", told.p50, "s", told)
    beyond = [median(each["dspash"]) - median(each["httpx"]) for each in rounds]
    yield Measured("first token beyond httpx", median(beyond), "s")


async def _rounds(amounts: GatewayAmounts, url: str, app: dspash.App) -> list[dict[str, list[float]]]:
    rounds: list[dict[str, list[float]]] = []
    async with clients(url, app, beside_litellm=amounts.beside_litellm) as every:
        for number in range(amounts.rounds):
            samples: dict[str, list[float]] = {}
            for client in every:
                samples[client.name] = [
                    await _first(client, f"question {number} {index}") for index in range(amounts.calls)
                ]
            rounds.append(samples)
    return rounds


async def _first(client: Client, text: str) -> float:
    """Seconds to the first piece; the rest is read, too, so that the connection serves the next."""
    began = time.perf_counter()
    first = 0.0
    pieces: Any = client.stream(text)
    async with aclosing(pieces):
        async for _ in pieces:
            first = first or time.perf_counter() - began
    return first
