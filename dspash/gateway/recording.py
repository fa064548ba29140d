"""Recording: every exchange goes into the ledger, once, with what it took."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from dspash.gateway.answer import Answer, Source
from dspash.gateway.errors import GatewayError, ModelTimeoutError
from dspash.gateway.keeping import Exchange, Ledger, Outcome
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.port import JsonMap

__all__ = ["KEPT", "SENT", "Page", "Recording"]

SENT: Final = frozenset({Source.PROVIDER, Source.LOCAL})
"""Of exchanges that went out. Recorded where they come in: also when nobody waits for the answer any more."""
KEPT: Final = frozenset({Source.CACHE, Source.JOURNAL, Source.FLIGHT})
"""Of answers that somebody else has paid for."""


class Recording:
    """Records the answers from `sources`, and where calls are sent also those that had no answer.

    It stands in the pipeline twice: before what is kept, for answers from there, and behind it, for what is sent.
    What it records, it also times.
    """

    def __init__(
        self,
        following: AsyncModel,
        ledger: Ledger,
        sources: frozenset[Source],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._following = following
        self._ledger = ledger
        self._sources = sources
        self._clock = clock
        self._now = now

    def __repr__(self) -> str:
        return f"Recording({sorted(self._sources)})"

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel."""
        page = self.page(call)
        try:
            answer = await self._following.complete(call)
        except BaseException as error:
            page.ended(error)
            raise
        return page.answered(answer)

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel."""
        page = self.page(call)
        try:
            async with aclosing(self._following.stream(call)) as items:
                async for item in items:
                    if isinstance(item, Answer):
                        yield page.answered(item)
                    else:
                        if item.get("type") == "delta":
                            page.begun()
                        yield item
        except GatewayError as error:
            page.failed(error)
            raise
        finally:
            page.left()

    def page(self, call: RoutedCall) -> Page:
        """A page for one exchange, which begins now; for one that does not go down the pipeline, too."""
        return Page(self._ledger, call, self._sources, self._clock, self._now())


class Page:
    """One exchange, from its beginning to whichever end comes first."""

    def __init__(
        self,
        ledger: Ledger,
        call: RoutedCall,
        sources: frozenset[Source],
        clock: Callable[[], float],
        began_at: float,
    ) -> None:
        self._ledger = ledger
        self._call = call
        self._sources = sources
        self._clock = clock
        self._began_at, self._began = began_at, clock()
        self._first_s: float | None = None
        self._is_over = False

    def begun(self) -> None:
        """The first token is there."""
        if self._first_s is None:
            self._first_s = self._clock() - self._began

    def answered(self, answer: Answer) -> Answer:
        """Record the answer, and return it with its times; one that is recorded elsewhere as it is."""
        if answer.source not in self._sources:
            self._is_over = True
            return answer
        latency_s = self._clock() - self._began
        timed = replace(answer, latency_s=latency_s, first_token_s=self._first_s)
        self._end(
            Exchange(
                self._call.call,
                answer.target,
                Outcome.ANSWERED,
                self._began_at,
                latency_s,
                answer=timed,
                attempts=answer.attempts,
            )
        )
        return timed

    def failed(self, error: GatewayError) -> None:
        """Record that there is no answer, and why."""
        latency_s = self._clock() - self._began
        self._end(
            Exchange(
                self._call.call,
                self._call.target,
                Outcome.FAILED,
                self._began_at,
                latency_s,
                error=error,
                attempts=error.attempts,
            )
        )

    def ended(self, error: BaseException) -> None:
        """Record whichever end `error` is."""
        if isinstance(error, GatewayError):
            self.failed(error)
        else:
            self.left()

    def left(self) -> None:
        """Nobody waits any more: a failure, if time was over. Of no effect after an end."""
        deadline = self._call.call.deadline
        if deadline is not None and self._clock() >= deadline:
            self.failed(ModelTimeoutError(f"the deadline passed before {self._call.target.name} was asked"))
            return
        latency_s = self._clock() - self._began
        self._end(Exchange(self._call.call, self._call.target, Outcome.CANCELLED, self._began_at, latency_s))

    def _end(self, exchange: Exchange) -> None:
        is_here = exchange.answer is not None or Source.PROVIDER in self._sources
        if is_here and not self._is_over:
            self._ledger.record(exchange)
        self._is_over = True
