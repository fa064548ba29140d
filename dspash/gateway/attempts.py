"""Attempts: asks a call's targets until one answers, each as often as its failures allow."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from dspash.gateway.answer import Answer, Attempt
from dspash.gateway.cooldown import counts_against
from dspash.gateway.errors import GatewayError
from dspash.gateway.health import Health
from dspash.gateway.model import AsyncModel, Dispatch, RoutedCall
from dspash.gateway.port import JsonMap
from dspash.gateway.refusals import ProviderRestingError, RefusedError
from dspash.gateway.retry import Again, RetryPolicy, StandIn, decide
from dspash.gateway.target import Target

__all__ = ["Attempts"]

_SOON_S: Final = 1.0
"""How long a call waits for the outcome of a probe before it looks again."""


class Attempts:
    """Retries a call after failures that may pass, then asks its fallbacks, and leaves failing providers alone.

    Each attempt goes down the pipeline by itself. Once a token has been delivered there is no other attempt.
    """

    def __init__(
        self,
        following: AsyncModel,
        policy: RetryPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._following = following
        self.policy = policy
        self.clock = clock
        self.draw = draw
        self.sleep = sleep
        self.health = Health(clock=clock)

    def __repr__(self) -> str:
        return f"Attempts({self.policy!r}, {self.health!r})"

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel."""
        course = _Course(self, call)
        while True:
            attempt = await course.attempt()
            try:
                answer = await self._following.complete(attempt)
            except GatewayError as error:
                await course.failed(error, has_begun=False)
            except BaseException:
                course.abandoned()
                raise
            else:
                return course.answered(answer)

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. The start is held back until something follows it, so that no caller sees two."""
        course = _Course(self, call)
        while True:
            attempt = await course.attempt()
            held: list[JsonMap] = []
            has_begun = False
            try:
                async with aclosing(self._following.stream(attempt)) as items:
                    async for item in items:
                        if isinstance(item, Answer):
                            yield course.answered(item)
                        elif not has_begun and item.get("type") == "start":
                            held.append(item)
                        else:
                            has_begun = True
                            while held:
                                yield held.pop(0)
                            yield item
                return
            except GatewayError as error:
                await course.failed(error, has_begun=has_begun)
            finally:
                course.abandoned()


class _Course:
    """One call on its way: the target asked, how often, and what was tried before."""

    def __init__(self, owner: Attempts, call: RoutedCall) -> None:
        self._owner = owner
        self._call = call
        self._targets = (call.target, *call.fallbacks)
        self._at = 0
        self._tries = 0
        self._made: list[Attempt] = []
        self._began = 0.0
        self._is_out = False

    async def attempt(self) -> RoutedCall:
        """The next attempt, at the first target that is not left alone. Raises ProviderRestingError."""
        health, since = self._owner.health, self._owner.clock()
        while (at := self._open_target()) is None:
            keys = [target.key_id for target in self._targets[self._at :]]
            rest_s = health.rest_s(keys)
            wait_s = _SOON_S if rest_s is None else rest_s
            remaining_s = self._remaining_s()
            rested_s = self._owner.clock() - since
            is_late = remaining_s is not None and wait_s >= remaining_s
            if is_late or rested_s + wait_s > self._owner.policy.longest_wait_s:
                raise self._resting(wait_s)
            await health.change(wait_s)
        if at != self._at:
            self._at, self._tries = at, 0
        self._tries += 1
        self._began, self._is_out = self._owner.clock(), True
        return replace(self._call, target=self._targets[at], fallbacks=(), dispatch=Dispatch())

    def answered(self, answer: Answer) -> Answer:
        """Note that the attempt was answered; the answer then tells of those before it, too."""
        self._is_out = False
        self._owner.health.note_worked(self._target.key_id)
        return replace(answer, attempts=(*self._made, *answer.attempts))

    def abandoned(self) -> None:
        """Note that the attempt ended without an outcome, if it is still out."""
        if self._is_out:
            self._is_out = False
            self._owner.health.note_abandoned(self._target.key_id)

    async def failed(self, error: GatewayError, *, has_begun: bool) -> None:
        """Wait until the next attempt is due. Raises `error` when there is none."""
        self._note(error)
        decision = decide(
            self._owner.policy,
            error,
            tries=self._tries,
            has_begun=has_begun,
            has_stand_in=self._at + 1 < len(self._targets),
            remaining_s=self._remaining_s(),
            random=self._owner.draw,
        )
        match decision:
            case Again(after_s):
                await self._owner.sleep(after_s)
            case StandIn():
                self._at, self._tries = self._at + 1, 0
            case _:
                error.attempts = tuple(self._made)
                raise error

    @property
    def _target(self) -> Target:
        return self._targets[self._at]

    def _note(self, error: GatewayError) -> None:
        latency_s = self._owner.clock() - self._began
        is_failure = counts_against(error, latency_s)
        if isinstance(error, RefusedError) or not (error.was_sent or is_failure):
            self.abandoned()  # it was turned back on its way: the provider has not been asked
            return
        self._is_out = False
        self._made.append(Attempt(self._target.name, latency_s, error.code, error.status, error.request_id))
        if is_failure:
            self._owner.health.note_failed(self._target.key_id)
        else:
            self._owner.health.note_worked(self._target.key_id)

    def _open_target(self) -> int | None:
        """The first target from the present one on that may be asked now; it then is to be."""
        for at in range(self._at, len(self._targets)):
            if self._owner.health.admits(self._targets[at].key_id):
                return at
        return None

    def _remaining_s(self) -> float | None:
        deadline = self._call.call.deadline
        return None if deadline is None else deadline - self._owner.clock()

    def _resting(self, wait_s: float) -> ProviderRestingError:
        names = ", ".join(target.name for target in self._targets[self._at :])
        error = ProviderRestingError(
            f"{names}: left alone for {wait_s:.1f} s more, after failing again and again",
            retry_after_s=wait_s,
            provider=self._target.provider,
        )
        error.attempts = tuple(self._made)
        return error
