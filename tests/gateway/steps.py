"""Steps of the pipeline under test: a loop without real time, a model that follows a script, and keepers in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from dspash.gateway import (
    Answer,
    Attempt,
    CachePolicy,
    Exchange,
    GatewayError,
    JournalEntry,
    JsonMap,
    KeptAnswer,
    LMCall,
    Payer,
    Source,
    Target,
)
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.replay import events_of
from dspash.gateway.request import key_of

__all__ = [
    "TARGET",
    "MemoryCacheStore",
    "MemoryJournal",
    "MemoryLedger",
    "Said",
    "ScriptedModel",
    "VirtualTimeLoop",
    "asked",
    "elsewhere",
    "listen",
    "now",
    "play",
    "response",
    "streamed",
    "text_in",
]

_T = TypeVar("_T")
TARGET = Target("openai", "openai", "gpt", key_id="key-1")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands still while anything can run, and jumps to the next timer when nothing can."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        loop: Any = self  # asyncio has no public place to set a clock
        if not loop._ready:
            due = [timer.when() for timer in loop._scheduled if not timer.cancelled()]
            assert due, "everything waits, and nothing will ever happen"
            self._now = max(self._now, min(due))
        whole: Any = super()
        whole._run_once()


def play(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run `work()` to its end in virtual time; nothing may be left running."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:

        async def whole() -> _T:
            result = await work()
            for _ in range(10):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}, "tasks were left behind"
            return result

        return runner.run(whole())


def now() -> float:
    """The virtual time."""
    return asyncio.get_running_loop().time()


def response(text: str = "yes", *, finish: str = "stop", tokens: int = 5) -> JsonMap:
    return {
        "id": "r-1",
        "model": "gpt",
        "message": {"role": "assistant", "parts": [{"type": "text", "text": text}]},
        "finish_reason": finish,
        "usage": {"input_tokens": tokens - 2, "output_tokens": 2, "total_tokens": tokens},
    }


def text_in(given: JsonMap | Answer) -> str:
    """The text of a response."""
    found: Any = given.response if isinstance(given, Answer) else given
    return "".join(part.get("text", "") for part in found["message"]["parts"])


def asked(
    text: str = "hello",
    *,
    target: Target = TARGET,
    fallbacks: tuple[Target, ...] = (),
    payer: Payer | None = None,
    deadline: float | None = None,
    cache: CachePolicy | None = None,
    meta: JsonMap | None = None,
    **config: Any,
) -> RoutedCall:
    """A call of one message."""
    request: JsonMap = {
        "model": "gpt",
        "messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}],
    }
    if config:
        request["config"] = config
    call = LMCall(request, meta or {}, deadline, payer or Payer(), cache or CachePolicy())
    return RoutedCall(call, target, fallbacks, key_of(call, target))


Said: TypeAlias = JsonMap | GatewayError | float | Callable[[RoutedCall], Awaitable[JsonMap]]


class ScriptedModel:
    """Stands for everything behind a step. Each call takes the next thing from the script; the last one is kept.

    Things are responses, errors, seconds to wait before the next thing, and functions of the call.
    """

    def __init__(self, *script: Said) -> None:
        self.script = list(script or (response(),))
        self.calls: list[RoutedCall] = []
        self.open = 0
        self.most_open = 0
        self.cancelled = 0
        self.times: list[float] = []

    async def complete(self, call: RoutedCall) -> Answer:
        said = await self._next(call)
        return self._answer(call, said)

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        said = await self._next(call)
        for event in events_of(said):
            yield event
        yield self._answer(call, said)

    def _answer(self, call: RoutedCall, said: JsonMap) -> Answer:
        return Answer(said, Source.PROVIDER, call.target, (Attempt(call.target.name, 0.0),))

    async def _next(self, call: RoutedCall) -> JsonMap:
        call.dispatch.mark_sent()
        self.calls.append(call)
        self.times.append(now())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while True:
                thing = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if isinstance(thing, float | int):
                    await asyncio.sleep(thing)
                elif isinstance(thing, GatewayError):
                    raise thing
                elif isinstance(thing, dict):
                    return thing
                else:
                    return await thing(call)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.open -= 1


async def streamed(model: AsyncModel, call: RoutedCall) -> tuple[list[JsonMap], Answer]:
    """Every event of a stream, and the answer behind them."""
    items = [item async for item in model.stream(call)]
    *events, answer = items
    assert isinstance(answer, Answer)
    assert not any(isinstance(event, Answer) for event in events)
    return [event for event in events if not isinstance(event, Answer)], answer


async def listen(model: AsyncModel, call: RoutedCall, heard: list[JsonMap | Answer]) -> None:
    """Add every item of a stream to `heard`, as far as it comes."""
    async with aclosing(model.stream(call)) as items:
        async for item in items:
            heard.append(item)  # noqa: PERF401 - what came before an error is wanted, too


class MemoryLedger:
    """Keeps exchanges in a list."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def record(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)


class MemoryCacheStore:
    """A cache that outlives its gateway."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], KeptAnswer] = {}
        self.asked = 0

    async def get(self, tenant: str, key: str) -> KeptAnswer | None:
        self.asked += 1
        return self.kept.get((tenant, key))

    def put(self, kept: KeptAnswer) -> None:
        self.kept[kept.tenant, kept.key] = kept


class MemoryJournal:
    """A journal that outlives its gateway. An entry takes `delay_s` until it is durable."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.entries: dict[tuple[str, str, int], JournalEntry] = {}
        self.delay_s = delay_s
        self.appended = itertools.count()

    async def find(self, run: str, key: str, occurrence: int) -> JournalEntry | None:
        return self.entries.get((run, key, occurrence))

    async def append(self, entry: JournalEntry) -> None:
        await asyncio.sleep(self.delay_s)
        next(self.appended)
        self.entries.setdefault((entry.run, entry.key, entry.occurrence), entry)


def elsewhere(name: str) -> Target:
    """A fallback: another provider with a key of its own."""
    return replace(TARGET, provider=name, key_id=f"key-{name}")
