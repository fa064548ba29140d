"""Single flight: equal calls that are under way at the same time are sent once, and share the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, TypeAlias

from dspash.gateway.answer import Answer, Source
from dspash.gateway.errors import GatewayError, ModelTimeoutError
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.port import JsonMap
from dspash.gateway.refusals import RefusedError
from dspash.gateway.sending import LATE_S

__all__ = ["SingleFlight"]

PARTING_S: Final = 2 * LATE_S
"""For a call that everybody has left because its time was over: it comes to an end of its own before."""

_Name: TypeAlias = tuple[str, str] | object
"""Tenant and key: tenants share nothing. What shares nothing at all has a name that nothing else has."""


class SingleFlight:
    """Lets the first of several equal calls go on, and gives its answer to the others, too.

    The call goes on as long as anybody waits for it: when the first caller leaves, the others keep what is under way. At
    its deadline it is left to end by itself, so that it is known what became of it. A failure is everybody's, except one
    that was the first caller's own: a budget of its payer, or its shorter deadline. Calls that read no cache want an
    answer of their own, and share nothing.
    """

    def __init__(self, following: AsyncModel) -> None:
        self._following = following
        self._flights: dict[_Name, _Flight] = {}
        self._tapes: dict[_Name, _Tape] = {}

    def __repr__(self) -> str:
        return f"<SingleFlight of {len(self._flights) + len(self._tapes)} calls>"

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel."""
        name = _name_of(call)
        while True:
            flight = self._flights.get(name)
            leads = flight is None
            if flight is None:
                flight = self._flights[name] = _Flight(call)
                flight.task = asyncio.create_task(self._fly(name, flight))
            flight.waiting += 1
            try:
                answer = await asyncio.shield(flight.task)
            except GatewayError as error:
                if leads or not _is_others(error, flight.call, call):
                    raise
            else:
                return answer if leads else _shared(answer)
            finally:
                flight.waiting -= 1
                if not flight.waiting and not flight.task.done():
                    self._flights.pop(name, None)
                    _part(flight.task, flight.call)

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. Whoever comes later gets what has come so far at once."""
        name = _name_of(call)
        while True:
            tape = self._tapes.get(name)
            leads = tape is None
            if tape is None:
                tape = self._tapes[name] = _Tape(call)
                tape.task = asyncio.create_task(self._fill(name, tape))
            tape.listeners += 1
            at = 0
            try:
                while await tape.has(at):
                    item = tape.items[at]
                    at += 1
                    yield _shared(item) if isinstance(item, Answer) and not leads else item
                return
            except GatewayError as error:
                if leads or at or not _is_others(error, tape.call, call):
                    raise
            finally:
                tape.listeners -= 1
                if not tape.listeners and not tape.is_over:
                    self._tapes.pop(name, None)
                    _part(tape.task, tape.call)

    async def _fly(self, name: _Name, flight: _Flight) -> Answer:
        try:
            return await self._following.complete(flight.call)
        finally:
            if self._flights.get(name) is flight:
                del self._flights[name]

    async def _fill(self, name: _Name, tape: _Tape) -> None:
        error: BaseException | None = None
        try:
            async with aclosing(self._following.stream(tape.call)) as items:
                async for item in items:
                    tape.add(item)
        except BaseException as raised:
            error = raised
            if not isinstance(raised, Exception):
                raise
        finally:
            if self._tapes.get(name) is tape:
                del self._tapes[name]
            tape.end(error)


class _Flight:
    """One call under way, and how many wait for it."""

    task: asyncio.Task[Answer]

    def __init__(self, call: RoutedCall) -> None:
        self.call = call
        self.waiting = 0


class _Tape:
    """One stream under way: all of it so far, for however many listen."""

    task: asyncio.Task[None]

    def __init__(self, call: RoutedCall) -> None:
        self.call = call
        self.listeners = 0
        self.items: list[JsonMap | Answer] = []
        self.is_over = False
        self._error: BaseException | None = None
        self._changed = asyncio.Event()

    def add(self, item: JsonMap | Answer) -> None:
        self.items.append(item)
        self._tell()

    def end(self, error: BaseException | None) -> None:
        self.is_over, self._error = True, error
        self._tell()

    async def has(self, at: int) -> bool:
        """Wait for item number `at`; False when the stream has ended before. Raises what ended it."""
        while at >= len(self.items):
            if self._error is not None:
                raise self._error
            if self.is_over:
                return False
            await self._changed.wait()
        return True

    def _tell(self) -> None:
        # Wakes those who wait now; whoever comes later looks at the items first.
        self._changed.set()
        self._changed.clear()


def _name_of(call: RoutedCall) -> _Name:
    return (call.call.payer.tenant, call.key) if call.call.cache.read else object()


def _part(task: asyncio.Task[Any], call: RoutedCall) -> None:
    """End what nobody waits for any more."""
    loop, deadline = asyncio.get_running_loop(), call.call.deadline
    if deadline is None or loop.time() < deadline:
        task.cancel()
        return
    end = loop.call_later(PARTING_S, task.cancel)

    def ended(task: asyncio.Task[Any]) -> None:
        end.cancel()
        if not task.cancelled():
            task.exception()  # nobody is left to be told

    task.add_done_callback(ended)


def _shared(answer: Answer) -> Answer:
    """The answer as everybody gets it but the caller who has paid for it."""
    return replace(answer, source=Source.FLIGHT, attempts=(), cost=None)


def _is_others(error: GatewayError, first: RoutedCall, second: RoutedCall) -> bool:
    """Whether `error` befell the first call for a reason that is not the second's."""
    if isinstance(error, RefusedError):
        return first.call.payer != second.call.payer
    if isinstance(error, ModelTimeoutError) and first.call.deadline is not None:
        return second.call.deadline is None or second.call.deadline > first.call.deadline
    return False
