"""Sending: the end of the pipeline, where a request leaves for its provider, or for a model in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final

from dspash.gateway.answer import Answer, Attempt, Source
from dspash.gateway.assembly import assembled
from dspash.gateway.errors import (
    GatewayError,
    ModelTimeoutError,
    UnsupportedFeatureError,
    UnsupportedModelError,
)
from dspash.gateway.lm_call import CallKind
from dspash.gateway.model import RoutedCall
from dspash.gateway.port import JsonMap, JsonValue, LanguageModel
from dspash.gateway.price import Cost, PriceTable
from dspash.gateway.rate_limits import RateLimits
from dspash.gateway.request import addressed
from dspash.gateway.spent import usage_of
from dspash.gateway.target import Target
from dspash.gateway.upstream import EmbeddingReply, Reply, Upstream

__all__ = ["LATE_S", "Sending"]

ATTEMPT_S: Final = 600.0
"""For one attempt, whatever time its caller has: what the providers' own clients allow."""

LATE_S: Final = 1.0
"""For an answer after the caller's deadline. The caller has been told by then; but what arrives at the very deadline is
paid for, and belongs on record."""


class Sending:
    """Sends a call to its target: once, and with no more time than the caller has, or ATTEMPT_S.

    Local models compute in a thread, by the name of the target's provider.
    """

    def __init__(
        self,
        upstream: Upstream | None,
        local: Mapping[str, LanguageModel],
        *,
        prices: PriceTable | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstream = upstream
        self._local = local
        self._prices = prices
        self._clock = clock

    def __repr__(self) -> str:
        return f"Sending({self._upstream!r})"

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel."""
        began, deadline = self._clock(), self._deadline(call)
        self._dispatch(call, began)
        async with _in_time(call, deadline):
            if call.call.kind is CallKind.EMBEDDING:
                return self._embedded(call, await self._embed(call, deadline), began)
            if call.target.is_local:
                return self._computed(call, await self._compute(call, deadline), began)
            request = addressed(call.call.request, call.target)
            reply = await self._wires(call).complete(call.target, request, deadline=deadline)
        return self._replied(call, reply, began)

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. The answer of a local model is computed first and streamed then."""
        began, deadline = self._clock(), self._deadline(call)
        self._dispatch(call, began)
        if call.call.kind is CallKind.EMBEDDING:
            raise UnsupportedFeatureError("embeddings are not streamed")
        if call.target.is_local:
            async with _in_time(call, deadline):
                events = await self._compute_events(call, deadline)
            for event in events:
                yield event
            yield self._computed(call, assembled(events), began)
            return
        request = addressed(call.call.request, call.target)
        async with aclosing(self._wires(call).stream(call.target, request, deadline=deadline)) as items:
            while True:
                async with _in_time(call, deadline):
                    item = await anext(items, None)
                if item is None:
                    return
                yield self._replied(call, item, began) if isinstance(item, Reply) else item

    def _dispatch(self, call: RoutedCall, now: float) -> None:
        """The call is about to leave. Raises ModelTimeoutError when its caller's time is over."""
        if call.call.deadline is not None and now >= call.call.deadline:
            error = ModelTimeoutError(f"the deadline passed before {call.target.name} was asked")
            error.was_sent = False
            raise error
        call.dispatch.mark_sent()

    async def _embed(self, call: RoutedCall, deadline: float) -> EmbeddingReply:
        request = call.call.request
        inputs, options = request.get("inputs"), request.get("options")
        texts = [text for text in inputs if isinstance(text, str)] if isinstance(inputs, list) else []
        if call.target.is_local:
            raise UnsupportedFeatureError(
                f"{call.target.name} has no embeddings; name a provider's embedding model"
            )
        return await self._wires(call).embed(
            call.target, texts, options=options if isinstance(options, dict) else {}, deadline=deadline
        )

    async def _compute(self, call: RoutedCall, deadline: float) -> JsonMap:
        model, request = self._model(call), addressed(call.call.request, call.target)
        return await asyncio.to_thread(model.complete, request, meta=call.call.meta, deadline=deadline)

    async def _compute_events(self, call: RoutedCall, deadline: float) -> list[JsonMap]:
        model, request = self._model(call), addressed(call.call.request, call.target)

        def compute() -> list[JsonMap]:
            return list(model.stream(request, meta=call.call.meta, deadline=deadline))

        return await asyncio.to_thread(compute)

    def _model(self, call: RoutedCall) -> LanguageModel:
        model = self._local.get(call.target.provider)
        if model is None:
            raise UnsupportedModelError(call.target.name, self._local)
        return model

    def _wires(self, call: RoutedCall) -> Upstream:
        if self._upstream is None:
            raise UnsupportedModelError(call.target.name, self._local)
        return self._upstream

    def _deadline(self, call: RoutedCall) -> float:
        latest = self._clock() + ATTEMPT_S
        return latest if call.call.deadline is None else min(latest, call.call.deadline + LATE_S)

    def _replied(self, call: RoutedCall, reply: Reply, began: float) -> Answer:
        return self._answer(call.target, reply.response, began, reply.limits, reply.request_id)

    def _embedded(self, call: RoutedCall, reply: EmbeddingReply, began: float) -> Answer:
        vectors: list[JsonValue] = [list[JsonValue](vector) for vector in reply.vectors]
        response: JsonMap = {"model": reply.model, "vectors": vectors, "usage": reply.usage}
        return self._answer(call.target, response, began, reply.limits, reply.request_id)

    def _computed(self, call: RoutedCall, response: JsonMap, began: float) -> Answer:
        latency_s = self._clock() - began
        return Answer(
            response, Source.LOCAL, call.target, (Attempt(call.target.name, latency_s),), latency_s=latency_s
        )

    def _answer(
        self,
        target: Target,
        response: JsonMap,
        began: float,
        limits: RateLimits | None,
        request_id: str | None,
    ) -> Answer:
        latency_s = self._clock() - began
        return Answer(
            response,
            Source.PROVIDER,
            target,
            (Attempt(target.name, latency_s, request_id=request_id),),
            cost=self._cost(target, response),
            latency_s=latency_s,
            limits=limits,
        )

    def _cost(self, target: Target, response: JsonMap) -> Cost | None:
        if self._prices is None:
            return None
        try:
            price = self._prices.price_of(target)
        except GatewayError:
            return None  # its provider was configured anew meanwhile; the answer is there all the same
        return None if price is None else price.cost(usage_of(response))


@asynccontextmanager
async def _in_time(call: RoutedCall, deadline: float) -> AsyncGenerator[None]:
    """Cancel what takes longer. The upstream has the same deadline; this one holds whatever the upstream does."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError as error:
        problem = f"{call.target.name} had not answered when the time for it was over"
        raise ModelTimeoutError(problem, provider=call.target.provider) from error
