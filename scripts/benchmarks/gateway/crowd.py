"""Crowd: hundreds of calls at a time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import dspash
from benchmarks.gateway.amounts import GatewayAmounts
from benchmarks.gateway.clients import Client, clients
from benchmarks.gateway.provider import MODEL, provider
from benchmarks.isolation.amounts import Measured
from benchmarks.samples import median

__all__ = ["measure_crowd"]

_DELAY_S: Final = 0.2


def measure_crowd(amounts: GatewayAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """All calls begin at one moment; the provider answers each after 200 ms, so that is what an ideal client takes."""
    with (
        provider(delay_s=_DELAY_S) as url,
        tempfile.TemporaryDirectory() as folder,
        dspash.open(workers=1, lm=f"openai/{MODEL}", database=Path(folder) / "bench.db") as app,
    ):
        tell(f"{amounts.crowd} calls at a time")
        taken = asyncio.run(_crowds(amounts, url, app))
    for name, samples in taken.items():
        yield Measured(f"{amounts.crowd} calls at a time by {name}", median(samples), "s")
    yield Measured("crowd / ideal", median(taken["dspash"]) / _DELAY_S, "×")


async def _crowds(amounts: GatewayAmounts, url: str, app: dspash.App) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {}
    async with clients(url, app, beside_litellm=amounts.beside_litellm) as every:
        for client in every:
            await _crowd(client, amounts.crowd)  # opens the connections
        for _ in range(amounts.crowds):
            for client in every:
                taken.setdefault(client.name, []).append(await _crowd(client, amounts.crowd))
    return taken


async def _crowd(client: Client, size: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(client.call(f"question {number}") for number in range(size)))
    return time.perf_counter() - began
