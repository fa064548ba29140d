"""Cache: an answer that was given once is given again, to the same tenant and as long as it is wanted."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeAlias

from dspash.gateway.answer import Answer, Source
from dspash.gateway.keeping import CacheStore, KeptAnswer
from dspash.gateway.lm_call import CachePolicy, CallKind
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.port import JsonMap
from dspash.gateway.recent import RecentAnswers
from dspash.gateway.replay import events_of
from dspash.gateway.target import Target

__all__ = ["Cache"]

_WHOLE: Final = frozenset({"stop", "tool_call"})
"""The lm15 finish reasons of an answer that is as long as its model wanted it."""
_Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Age:
    kept_at: float
    expires_at: float | None


class Cache:
    """Answers from memory, then from the store, then by asking on; and keeps what is whole.

    Errors are never kept, nor an answer cut off at its length unless its caller says so, nor what a fallback answered:
    the first target would have said something else. Answers of embedding models are kept like any other, those of models
    in this process not at all.
    """

    def __init__(
        self,
        following: AsyncModel,
        store: CacheStore | None = None,
        *,
        recent: RecentAnswers[_Key, _Age] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._following = following
        self._store = store
        self._now = now
        self._recent: RecentAnswers[_Key, _Age] = RecentAnswers() if recent is None else recent

    def __repr__(self) -> str:
        return f"Cache({self._recent!r})"

    def peek(self, call: RoutedCall) -> Answer | None:
        """The answer, if it is in memory. On any thread; never waits."""
        found = self._recent.get(_key_of(call)) if call.call.cache.read else None
        return None if found is None else self._usable(call, *found)

    def forget(self, tenant: str | None = None) -> None:
        """Drop what is in memory of one tenant, or of all: the store has been cleared."""
        self._recent.forget(lambda key: tenant is None or key[0] == tenant)

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel."""
        kept = await self._find(call)
        if kept is not None:
            return kept
        answer = await self._following.complete(call)
        self._keep(call, answer)
        return answer

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. A kept answer is replayed as events, whichever way it first came."""
        kept = await self._find(call)
        if kept is not None:
            for event in events_of(kept.response):
                yield event
            yield kept
            return
        async with aclosing(self._following.stream(call)) as items:
            async for item in items:
                if isinstance(item, Answer):
                    self._keep(call, item)
                yield item

    async def _find(self, call: RoutedCall) -> Answer | None:
        found = self.peek(call)
        if found is not None or self._store is None or not call.call.cache.read:
            return found
        kept = await self._store.get(*_key_of(call))
        if kept is None:
            return None
        age = _Age(kept.kept_at, kept.expires_at)
        found = self._usable(call, kept.response, age)
        if found is not None:
            self._recent.put(_key_of(call), kept.response, age)
        return found

    def _keep(self, call: RoutedCall, answer: Answer) -> None:
        policy = call.call.cache
        if (
            not policy.write
            or not _is_whole(answer.response, call, policy)
            or _is_other(answer.target, call.target)
        ):
            return
        if answer.source is Source.LOCAL:
            return  # it costs nothing to be computed again
        if answer.source is Source.FLIGHT and self.peek(call) is not None:
            return  # whoever paid for it has kept it
        key, now = _key_of(call), self._now()
        age = _Age(now, None if policy.ttl_s is None else now + policy.ttl_s)
        self._recent.put(key, answer.response, age)
        if self._store is not None:
            target = answer.target
            self._store.put(
                KeptAnswer(*key, answer.response, target.provider, target.model, age.kept_at, age.expires_at)
            )

    def _usable(self, call: RoutedCall, response: JsonMap, age: _Age) -> Answer | None:
        """The answer, if it is no older and no shorter than this caller wants it."""
        policy, now = call.call.cache, self._now()
        is_old = policy.ttl_s is not None and now - age.kept_at >= policy.ttl_s
        if is_old or (age.expires_at is not None and now >= age.expires_at):
            return None
        return Answer(response, Source.CACHE, call.target) if _is_whole(response, call, policy) else None


def _key_of(call: RoutedCall) -> _Key:
    return call.call.payer.tenant, call.key


def _is_whole(response: JsonMap, call: RoutedCall, policy: CachePolicy) -> bool:
    if call.call.kind is CallKind.EMBEDDING:
        return True
    reason = response.get("finish_reason")
    return reason in _WHOLE or (reason == "length" and policy.keep_truncated)


def _is_other(answered: Target, asked: Target) -> bool:
    return (answered.provider, answered.model) != (asked.provider, asked.model)
