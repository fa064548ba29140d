"""Journaling: under a run, every answer is durable before it is delivered, and what the run was told before is replayed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeAlias

from dspash.gateway.answer import Answer, Source
from dspash.gateway.keeping import Journal, JournalEntry
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.occurrence import Occurrences
from dspash.gateway.port import JsonMap
from dspash.gateway.recent import RecentAnswers
from dspash.gateway.replay import events_of

__all__ = ["Journaling"]

_Place: TypeAlias = tuple[str, str, int]
"""Run, key, occurrence."""


class Journaling:
    """Answers the calls of a run from its journal as far as that goes, and writes it on from there.

    DSPy's optimizers do the same when they get the same answers, so that an interrupted run is resumed by running it
    again: what was answered is not paid for twice. Calls that read the cache all have one answer in a run; of those that
    do not, each is an occurrence of its own. Errors are not journaled: the repeated run asks anew.
    """

    def __init__(self, following: AsyncModel, journal: Journal) -> None:
        self._following = following
        self._journal = journal
        self._occurrences = Occurrences()
        self._recent: RecentAnswers[_Place, None] = RecentAnswers()

    def __repr__(self) -> str:
        return f"Journaling({self._occurrences!r})"

    def start_run(self, run: str) -> None:
        """The run begins, or begins again: it will ask from the start. On the gateway's loop."""
        self._occurrences.restart(run)

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel."""
        run = call.call.payer.run
        if run is None:
            return await self._following.complete(call)
        place = self._place(run, call)
        try:
            told = await self._find(call, place)
            if told is None:
                told = await self._following.complete(call)
                await self._append(told, place)
        except BaseException:
            self._give_back(call, place)
            raise
        return told

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. The end of a stream is held back until the answer is durable: without it there is none."""
        run = call.call.payer.run
        if run is None:
            async with aclosing(self._following.stream(call)) as items:
                async for item in items:
                    yield item
            return
        place, is_told = self._place(run, call), False
        try:
            told = await self._find(call, place)
            if told is not None:
                is_told = True
                for event in events_of(told.response):
                    yield event
                yield told
                return
            async with aclosing(self._following.stream(call)) as items:
                held: list[JsonMap] = []
                async for item in items:
                    if isinstance(item, Answer):
                        await self._append(item, place)
                        is_told = True
                        for event in held:
                            yield event
                        yield item
                    elif item.get("type") == "end":
                        held.append(item)
                    else:
                        yield item
        finally:
            if not is_told:
                self._give_back(call, place)

    def _place(self, run: str, call: RoutedCall) -> _Place:
        return run, call.key, 0 if call.call.cache.read else self._occurrences.take(run, call.key)

    def _give_back(self, call: RoutedCall, place: _Place) -> None:
        if not call.call.cache.read:
            self._occurrences.give_back(*place)

    async def _find(self, call: RoutedCall, place: _Place) -> Answer | None:
        found = self._recent.get(place)
        if found is not None:
            return Answer(found[0], Source.JOURNAL, call.target)
        entry = await self._journal.find(*place)
        if entry is None:
            return None
        self._recent.put(place, entry.response, None)
        return Answer(entry.response, Source.JOURNAL, call.target)

    async def _append(self, answer: Answer, place: _Place) -> None:
        if self._recent.get(place) is None:
            target = answer.target
            await self._journal.append(JournalEntry(*place, answer.response, target.provider, target.model))
            self._recent.put(place, answer.response, None)
