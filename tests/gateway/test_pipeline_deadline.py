"""Deadlines: the caller is told on time, and what became of its call is on record, an answer that came too late as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from steps import TARGET, MemoryLedger, asked, now, play, response, streamed

from dspash.gateway import (
    NO_CACHE,
    Answer,
    CachePolicy,
    JsonMap,
    ModelTimeoutError,
    Outcome,
    RetryPolicy,
)
from dspash.gateway.attempts import Attempts
from dspash.gateway.deadline import Deadline
from dspash.gateway.flight import PARTING_S, SingleFlight
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.recording import SENT, Recording
from dspash.gateway.replay import events_of
from dspash.gateway.sending import LATE_S, Sending
from dspash.gateway.target import Target
from dspash.gateway.upstream import EmbeddingReply, Reply, TokenCount

DEADLINE_S = 1.0
CACHES = [pytest.param(CachePolicy(), id="shared"), pytest.param(NO_CACHE, id="unshared")]
WAYS = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


class SlowUpstream:
    """A provider that answers at `answers_s`."""

    def __init__(self, answers_s: float) -> None:
        self.answers_s = answers_s
        self.open = 0

    async def complete(self, target: Target, request: JsonMap, *, deadline: float | None) -> Reply:
        self.open += 1
        try:
            await asyncio.sleep(self.answers_s - now())
        finally:
            self.open -= 1
        return Reply(response(), None, None)

    async def stream(
        self, target: Target, request: JsonMap, *, deadline: float | None
    ) -> AsyncGenerator[JsonMap | Reply]:
        reply = await self.complete(target, request, deadline=deadline)
        for event in events_of(reply.response):
            yield event
        yield reply

    async def embed(
        self, target: Target, inputs: Sequence[str], *, options: JsonMap, deadline: float | None
    ) -> EmbeddingReply:
        raise NotImplementedError

    async def count_tokens(self, target: Target, request: JsonMap, *, deadline: float | None) -> TokenCount:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing is kept open."""


class QueueForever:
    """Stands for a step that lets nobody pass."""

    async def complete(self, call: RoutedCall) -> Answer:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        yield await self.complete(call)


def steps(following: AsyncModel, ledger: MemoryLedger) -> AsyncModel:
    return Deadline(SingleFlight(Recording(following, ledger, SENT, clock=now)))


def attempts(upstream: SlowUpstream) -> AsyncModel:
    return Attempts(Sending(upstream, {}, clock=now), RetryPolicy(), clock=now)


async def timed_out(model: AsyncModel, cache: CachePolicy, *, streams: bool) -> float:
    """When the caller was told that its time was over."""
    call = asked(deadline=DEADLINE_S, cache=cache)
    with pytest.raises(ModelTimeoutError):
        await (streamed(model, call) if streams else model.complete(call))
    return now()


@WAYS
@pytest.mark.parametrize("cache", CACHES)
def test_a_provider_that_stays_silent_has_failed_with_its_attempt(
    cache: CachePolicy, *, streams: bool
) -> None:
    async def scene() -> None:
        upstream, ledger = SlowUpstream(600.0), MemoryLedger()
        assert await timed_out(steps(attempts(upstream), ledger), cache, streams=streams) == DEADLINE_S
        await asyncio.sleep(PARTING_S)
        (exchange,) = ledger.exchanges
        assert exchange.outcome is Outcome.FAILED
        assert isinstance(exchange.error, ModelTimeoutError)
        assert [(made.target, made.error) for made in exchange.attempts] == [(TARGET.name, "timeout")]
        assert upstream.open == 0

    play(scene)


@WAYS
@pytest.mark.parametrize("cache", CACHES)
def test_an_answer_that_comes_at_the_very_deadline_is_on_record(cache: CachePolicy, *, streams: bool) -> None:
    async def scene() -> None:
        upstream, ledger = SlowUpstream(DEADLINE_S + LATE_S / 2), MemoryLedger()
        assert await timed_out(steps(attempts(upstream), ledger), cache, streams=streams) == DEADLINE_S
        await asyncio.sleep(PARTING_S)
        (exchange,) = ledger.exchanges
        assert exchange.outcome is Outcome.ANSWERED
        assert exchange.answer is not None
        assert exchange.answer.response == response()

    play(scene)


@WAYS
def test_a_call_that_never_went_out_has_failed_without_an_attempt(*, streams: bool) -> None:
    async def scene() -> None:
        ledger = MemoryLedger()
        await timed_out(steps(QueueForever(), ledger), NO_CACHE, streams=streams)
        await asyncio.sleep(2 * PARTING_S)
        (exchange,) = ledger.exchanges
        assert (exchange.outcome, exchange.attempts) == (Outcome.FAILED, ())

    play(scene)


def test_nothing_is_sent_when_the_time_is_over() -> None:
    async def scene() -> None:
        upstream = SlowUpstream(9.0)
        await asyncio.sleep(DEADLINE_S)
        with pytest.raises(ModelTimeoutError) as caught:
            await Sending(upstream, {}, clock=now).complete(asked(deadline=DEADLINE_S))
        assert not caught.value.was_sent
        assert now() == DEADLINE_S

    play(scene)
