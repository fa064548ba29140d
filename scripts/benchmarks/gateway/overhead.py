"""Overhead: one call after the other, by each client in turns."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dspash
from benchmarks.gateway.amounts import GatewayAmounts
from benchmarks.gateway.clients import clients
from benchmarks.gateway.provider import MODEL, provider
from benchmarks.isolation.amounts import Measured
from benchmarks.samples import median, quantiles

__all__ = ["measure_overhead"]


def measure_overhead(amounts: GatewayAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """Uncached calls to a provider that answers at once; `beyond` is a client's median over that of bare httpx, where
    each round's medians are compared with each other.
    """
    tell("single calls by each client")
    with (
        provider() as url,
        tempfile.TemporaryDirectory() as folder,
        dspash.open(workers=1, lm=f"openai/{MODEL}", database=Path(folder) / "bench.db") as app,
    ):
        rounds = asyncio.run(_rounds(amounts, url, app))
    for name in rounds[0]:
        told = quantiles([sample for each in rounds for sample in each[name]])
        yield Measured(f"call by {name}", told.p50, "s", told)
    for name in [name for name in rounds[0] if name != "httpx"]:
        beyond = [median(each[name]) - median(each["httpx"]) for each in rounds]
        yield Measured(f"{name} beyond httpx", median(beyond), "s")
    if "litellm" not in rounds[0]:
        return
    ahead = [median(each["dspash"]) - median(each["litellm"]) for each in rounds]
    yield Measured("dspash beyond litellm", median(ahead), "s")


async def _rounds(amounts: GatewayAmounts, url: str, app: dspash.App) -> list[dict[str, list[float]]]:
    rounds: list[dict[str, list[float]]] = []
    async with clients(url, app, beside_litellm=amounts.beside_litellm) as every:
        for number in range(amounts.rounds):
            samples: dict[str, list[float]] = {}
            for client in every:
                taken = samples.setdefault(client.name, [])
                for index in range(amounts.calls):
                    began = time.perf_counter()
                    await client.call(f"question {number} {index} of {client.name}")
                    taken.append(time.perf_counter() - began)
            rounds.append(samples)
    return rounds
