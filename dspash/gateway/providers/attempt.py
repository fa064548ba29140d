"""Attempt: one exchange with a provider, under its deadline, whose every end is an answer or an error of the gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from lm15.errors import LM15Error

from dspash.gateway.errors import GatewayError, ModelRequestError
from dspash.gateway.providers.connection import Connection
from dspash.gateway.providers.failure import PARSING_ERRORS, failure_of, malformed, timed_out
from dspash.gateway.providers.reply_head import ReplyHead
from dspash.gateway.rate_limits import RateLimits, read_rate_limits

__all__ = ["Attempt"]

T = TypeVar("T")


@dataclass(slots=True)
class Attempt:
    """Asks `connection` for `model`; `deadline` is that of the caller, on `clock`."""

    connection: Connection
    model: str
    deadline: float | None
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    head: ReplyHead = field(default_factory=ReplyHead)

    @property
    def limits(self) -> RateLimits | None:
        """What the reply said of the key's limits."""
        return read_rate_limits(self.head.headers, self.wall_clock())

    async def carry(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Await what `begin` starts. Raises GatewayError for whatever goes wrong, and for a deadline that passes."""
        failure: GatewayError
        try:
            with self.head:
                async with asyncio.timeout(None if self.deadline is None else self.deadline - self.clock()):
                    return await begin()
        except LM15Error as error:  # before TimeoutError: lm15's own is both
            failure = failure_of(error, self.connection, self.head, model=self.model, now_s=self.wall_clock())
        except TimeoutError:
            failure = timed_out(self.connection, self.head)
        except PARSING_ERRORS as error:
            if self.head.status is None:
                failure = ModelRequestError("$", f"{self.connection.door} cannot be asked this: {error}")
                failure.was_sent = False
            else:
                failure = malformed(self.connection, self.head, error)
        if not self.head.was_sent:
            failure.was_sent = False
        # Outside of the handlers: as its context, the original would be shown with every traceback, and it quotes
        # what the provider said word for word, which may be the key.
        raise failure
