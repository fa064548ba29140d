"""Failures: many calls to a provider that fails one in five, in every way it can, and what became of each."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import dspash
from benchmarks.gateway.amounts import GatewayAmounts
from benchmarks.gateway.provider import KEY, MODEL, openai_at
from benchmarks.isolation.amounts import Measured
from dspash.gateway import GatewayError
from dspash.gateway.lm_call import NO_CACHE, LMCall
from provider_server import Asked, Etiquette, Manners, Mischief, ProviderServer

__all__ = ["measure_failures", "violations"]

FAILING: Final = 0.2  # of all requests that reach the provider
_AT_A_TIME: Final = 256
_PATIENCE_S: Final = 5.0
_RETRY_AFTER_S: Final = 0.1
_HUGE_SHARE: Final = 0.01  # of the failing ones: ten megabytes each are read and written by one processor


def measure_failures(amounts: GatewayAmounts, tell: Callable[[str], None]) -> Iterator[Measured]:
    """Whole and streamed calls in equal parts; `value` counts what should not be."""
    tell(f"{amounts.failing:,} calls to a provider that fails one in five")
    began = time.perf_counter()
    found = violations(amounts.failing, seed=1)
    yield Measured("failing provider", time.perf_counter() - began, "s")
    for text in found[:10]:
        tell(text)
    yield Measured("calls that ended wrongly", len(found), "")


def violations(calls: int, *, seed: int, patience_s: float = _PATIENCE_S) -> list[str]:
    """Make the calls, and say what should not be: outcomes lost or doubled, answers paid for twice or unrecorded."""
    with (
        ProviderServer.running(key=KEY, etiquette=_etiquette(seed)) as server,
        openai_at(f"{server.url}/v1"),
        tempfile.TemporaryDirectory() as folder,
        dspash.open(workers=1, lm=f"openai/{MODEL}", database=Path(folder) / "bench.db") as app,
    ):
        outcomes = asyncio.run(_outcomes(app, calls, patience_s))
        recorded = app.lm.usage(by="model")
        return [*_wrong_outcomes(outcomes, server, calls), *_wrong_bills(recorded, server)]


def _etiquette(seed: int) -> Etiquette:
    draw = random.Random(seed)
    ways = [mischief for mischief in Mischief if mischief is not Mischief.HUGE]

    def treat(_number: int, _asked: Asked) -> Manners:
        if draw.random() >= FAILING:
            return Manners()
        mischief = Mischief.HUGE if draw.random() < _HUGE_SHARE else draw.choice(ways)
        return Manners(mischief, retry_after_s=_RETRY_AFTER_S)

    return treat


async def _outcomes(app: dspash.App, calls: int, patience_s: float) -> list[str]:
    """What each call came to: `answered`, or the code of its error. Raises what is no outcome."""
    turn = asyncio.Semaphore(_AT_A_TIME)

    async def one(number: int) -> str:
        async with turn:
            call = _call(number, patience_s)
            try:
                return await (_streamed(app, call) if number % 2 else _whole(app, call))
            except GatewayError as error:
                return error.code

    return await asyncio.gather(*(one(number) for number in range(calls)))


async def _whole(app: dspash.App, call: LMCall) -> str:
    await app.gateway.acomplete(call)
    return "answered"


async def _streamed(app: dspash.App, call: LMCall) -> str:
    ends = 0
    async with aclosing(app.gateway.astream(call)) as events:
        async for event in events:
            ends += isinstance(event, dict) and event["type"] == "end"
    return "answered" if ends == 1 else f"{ends} ends"


def _call(number: int, patience_s: float) -> LMCall:
    message: Any = {"role": "user", "parts": [{"type": "text", "text": f"question {number}"}]}
    request: Any = {"model": f"openai/{MODEL}", "messages": [message], "config": {}}
    return LMCall(request, deadline=time.monotonic() + patience_s, cache=NO_CACHE)


def _wrong_outcomes(outcomes: list[str], server: ProviderServer, calls: int) -> Iterator[str]:
    if len(outcomes) != calls:
        yield f"{calls} calls have {len(outcomes)} outcomes"
    whole = Counter(seen.asked.text for seen in server.answered)
    for number, outcome in enumerate(outcomes):
        answers = whole[f"question {number}"]
        if answers > 1:
            yield f"call {number} was answered and paid for {answers} times"
        if outcome == "answered" and answers == 0:
            yield f"call {number} was answered by nobody"
        if outcome.endswith("ends"):
            yield f"the stream of call {number} has {outcome}"


def _wrong_bills(recorded: Any, server: ProviderServer) -> Iterator[str]:
    billed = server.tokens()
    kept = Counter[str]()
    for row in recorded:
        kept.update(input=row.input_tokens, output=row.output_tokens)
    if kept != billed:
        yield f"recorded tokens {dict(kept)} are not the provider's {dict(billed)}"
