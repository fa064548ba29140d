"""Limiting: each attempt takes a slot of its key before it goes out; whoever finds none free queues, first come first served."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager

from dspash.gateway.answer import Answer
from dspash.gateway.errors import GatewayError, ModelTimeoutError, RateLimitError
from dspash.gateway.limit import KeyGate
from dspash.gateway.measure import measure_of
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.port import JsonMap
from dspash.gateway.spent import is_unbilled, total_tokens
from dspash.gateway.target import Target

__all__ = ["Limiting"]


class Limiting:
    """Keeps every key within its limits: those stated, and those its provider tells with each answer.

    Calls that are computed in this process are let through.
    """

    def __init__(self, following: AsyncModel, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._following = following
        self._clock = clock
        self._queues: dict[str, _Queue] = {}

    def __repr__(self) -> str:
        return f"Limiting({self._queues!r})"

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel. Raises ModelTimeoutError at once when its turn cannot come in time."""
        if call.target.is_local:
            return await self._following.complete(call)
        async with self._slot(call) as slot:
            answer = await self._following.complete(call)
            slot.answered(answer)
            return answer

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. The slot is held until the stream ends."""
        async with self._slot(call) as slot, aclosing(self._following.stream(call)) as items:
            async for item in items:
                if isinstance(item, Answer):
                    slot.answered(item)
                yield item

    @asynccontextmanager
    async def _slot(self, call: RoutedCall) -> AsyncGenerator[_Slot]:
        queue = self._queue_of(call.target)
        # Counted only where it is gone by: it takes longer than the rest of this step.
        model = call.target.model
        tokens = measure_of(call).likely if queue.gate.counts_tokens(model) else 0
        await queue.enter(_Turn(model, tokens, call.call.deadline))
        slot = _Slot(queue, model)
        try:
            yield slot
        except GatewayError as error:
            slot.failed(error)
            raise
        finally:
            queue.leave(model, tokens, slot.used)

    def _queue_of(self, target: Target) -> _Queue:
        queue = self._queues.get(target.key_id)
        if queue is None:
            queue = self._queues[target.key_id] = _Queue(KeyGate(target.limits, self._clock()), self._clock)
        elif queue.gate.limits != target.limits:
            queue.gate.restate(target.limits, self._clock())
        return queue


class _Slot:
    """One call that was let in: hears what became of it."""

    def __init__(self, queue: _Queue, model: str) -> None:
        self._gate = queue.gate
        self._clock = queue.clock
        self._model = model
        self.used: int | None = None

    def answered(self, answer: Answer) -> None:
        self.used = total_tokens(answer.response)
        self._gate.work(self._model)
        if answer.limits is not None:
            self._gate.told(self._model).learn(answer.limits, self._clock())

    def failed(self, error: GatewayError) -> None:
        if is_unbilled(error):
            self.used = 0
        if isinstance(error, RateLimitError):
            told = self._gate.told(self._model)
            if error.limits is not None:
                told.learn(error.limits, self._clock())
            told.pause(error.retry_after_s, self._clock())


class _Turn:
    """One call that waits for a slot."""

    def __init__(self, model: str, tokens: int, deadline: float | None) -> None:
        self.model = model
        self.tokens = tokens
        self.deadline = deadline
        self.comes: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def has_come(self) -> bool:
        """Whether it was let in, and neither called off before nor refused."""
        return self.comes.done() and not self.comes.cancelled() and self.comes.exception() is None


class _Queue:
    """Who waits for a slot of one key, a line for each model, and the timer at which the first of them look again."""

    def __init__(self, gate: KeyGate, clock: Callable[[], float]) -> None:
        self.gate = gate
        self.clock = clock
        self._lines: dict[str, deque[_Turn]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<{self.gate!r}, {sum(map(len, self._lines.values()))} waiting>"

    async def enter(self, turn: _Turn) -> None:
        """Return when the call may go out."""
        if not self._lines and self.gate.admit(turn.model, turn.tokens, self.clock()) == 0:
            return
        self._lines.setdefault(turn.model, deque()).append(turn)
        self._advance()
        try:
            await turn.comes
        except asyncio.CancelledError:
            if turn.has_come:
                self.leave(turn.model, turn.tokens, 0)  # it came while the call was being called off
            else:
                self._advance()
            raise

    def leave(self, model: str, tokens: int, used: int | None) -> None:
        """A call that was let in has ended."""
        self.gate.leave(model, tokens, used, self.clock())
        self._advance()

    def _advance(self) -> None:
        """Let in whoever may come in; wake up again when the next one may.

        Lines take turns: whichever had one let in is the last to be looked at again.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waits: dict[str, float] = {}
        while model := next((model for model in self._lines if model not in waits), None):
            line, now = self._lines[model], self.clock()
            turn = line[0]
            wait_s = 0.0 if turn.comes.cancelled() else self.gate.admit(model, turn.tokens, now)
            if turn.deadline is not None and math.isfinite(wait_s) and 0 < wait_s >= turn.deadline - now:
                turn.comes.set_exception(_too_late(wait_s))
            elif wait_s > 0:
                waits[model] = wait_s
                continue
            elif not turn.comes.cancelled():
                turn.comes.set_result(None)
            line.popleft()
            del self._lines[model]
            if line:
                self._lines[model] = line
        next_s = min(waits.values(), default=math.inf)
        if math.isfinite(next_s):
            self._timer = asyncio.get_running_loop().call_later(next_s, self._advance)


def _too_late(wait_s: float) -> ModelTimeoutError:
    error = ModelTimeoutError(
        f"the key's limits leave no room for another {wait_s:.1f} s, which is later than the call's deadline",
        retry_after_s=wait_s,
    )
    error.was_sent = False
    return error
