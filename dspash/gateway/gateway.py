"""The gateway: names lead to models, every call takes the same way, failures carry lm15's codes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

from dspash.errors import ReentrancyError
from dspash.gateway.answer import Answer, Source
from dspash.gateway.assembly import assembled
from dspash.gateway.authorise import check_permission
from dspash.gateway.budget import Account, Amount, Budget, BudgetBook, accounts_of
from dspash.gateway.crossing import read_async, read_sync
from dspash.gateway.errors import ModelTimeoutError
from dspash.gateway.lm_call import DEFAULT_TENANT, LMCall, Payer
from dspash.gateway.loop import LoopThread
from dspash.gateway.measure import measure_of
from dspash.gateway.model import RoutedCall
from dspash.gateway.pipeline import Pipeline, PipelineParts
from dspash.gateway.port import Capabilities, JsonMap, LanguageModel
from dspash.gateway.recording import KEPT, SENT, Page
from dspash.gateway.refusals import GatewayClosedError
from dspash.gateway.request import addressed, key_of
from dspash.gateway.routing import Router
from dspash.gateway.spent import usage_of
from dspash.gateway.tally import Tally, TallyBoard
from dspash.gateway.target import Directory, Route, Target
from dspash.gateway.upstream import CountedBy, TokenCount
from dspash.gateway.waiting import awaited, result_of

__all__ = ["Gateway"]

_T = TypeVar("_T")


class Gateway:
    """Serves LM calls: from models of this process, or by way of the pipeline from those of the directory.

    What a model of this process is asked outside of runs and budgets is computed in the caller's thread and is only
    recorded: it costs nothing, and waits for nothing. Everything else runs on a loop of the gateway's own, started when it
    is first needed. Thread-safe. Whoever makes a gateway closes it.
    """

    def __init__(
        self,
        models: Mapping[str, LanguageModel],
        default: str,
        *,
        directory: Directory | None = None,
        parts: PipelineParts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._router = Router(models, default, directory)
        self._parts = replace(parts or PipelineParts(), local=self._router.local)
        self._pipeline = Pipeline(self._parts)
        self._loop = LoopThread(finish=self._finish)
        self._board = TallyBoard()
        self._clock = clock

    def __repr__(self) -> str:
        return f"Gateway(models={list(self.models)}, default={self._router.default!r})"

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models in this process, sorted."""
        return tuple(sorted(self._router.local))

    @property
    def default(self) -> str:
        """The model of a call that names none."""
        return self._router.default

    @property
    def budgets(self) -> BudgetBook:
        """What is spent of which budget."""
        return self._parts.budgets

    def capabilities(self, model: str | None = None, tenant: str = DEFAULT_TENANT) -> Capabilities:
        """What `model`, or the default, understands. Raises UnsupportedModelError."""
        return self._router.capabilities(model or self._router.default, tenant)

    def is_local(self, request: JsonMap, payer: Payer) -> bool:
        """Whether `complete` and `stream` compute this in the caller's thread. False for what they would refuse."""
        route = self._router.resolve(self._router.name_of(request), payer.tenant)
        return self._is_computed_here(route.targets[0], payer)

    def complete(self, call: LMCall) -> Answer:
        """Answer one call. Waits, unless it is computed here. Raises GatewayError; ReentrancyError on its own loop."""
        route = self._admit(call)
        if self._is_computed_here(route.targets[0], call.payer):
            return self._compute(call, route.targets[0])
        self._check_thread("Gateway.complete", "await Gateway.acomplete")
        return result_of(self._begin(call, route))

    def stream(self, call: LMCall) -> Iterator[JsonMap | Answer]:
        """Answer one call as stream events, and the Answer after them. Raises GatewayError, at once what is refused.

        A stream that is closed before its end is abandoned, and counts as a failure: nobody has got the whole answer.
        """
        route = self._admit(call)
        if self._is_computed_here(route.targets[0], call.payer):
            return self._compute_events(call, route.targets[0])
        self._check_thread("Gateway.stream", "use Gateway.astream")
        return _translated(read_sync(self._loop, self._stream(_routed(call, route))))

    def submit(self, call: LMCall) -> Future[Answer]:
        """Begin to answer one call. Cancelling the future drops the connection. Raises GatewayError for what is refused."""
        return self._begin(call, self._admit(call))

    async def acomplete(self, call: LMCall) -> Answer:
        """Answer one call, on any event loop. Raises GatewayError."""
        return await awaited(asyncio.wrap_future(self.submit(call)))

    async def astream(self, call: LMCall) -> AsyncGenerator[JsonMap | Answer]:
        """The same as `stream`, on any event loop."""
        items = self._stream(_routed(call, self._admit(call)))
        if not self._loop.is_here:
            items = read_async(self._loop, items)
        async with aclosing(items):
            async for item in items:
                yield item

    def run(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Run `work` on the gateway's loop. Cancelling the future cancels it there. Raises GatewayClosedError."""
        return self._loop.submit(work)

    async def count_tokens(self, call: LMCall) -> TokenCount:
        """How many tokens the call's request reads; says how that is known. On any event loop."""
        target = self._router.route(call).targets[0]
        if self._parts.upstream is None or target.is_local:
            return TokenCount(measure_of(RoutedCall(call, target)).likely_input, CountedBy.ESTIMATE)
        counting = self._parts.upstream.count_tokens(target, call.request, deadline=call.deadline)
        return await awaited(asyncio.wrap_future(self._loop.submit(counting)))

    def targets(self, name: str | None = None, tenant: str = DEFAULT_TENANT) -> tuple[Target, ...]:
        """Where `name`, or the default, leads: the target asked first, then its fallbacks. Raises UnsupportedModelError."""
        return self._router.resolve(name or self._router.default, tenant).targets

    def look_again(self) -> None:
        """Let those who wait for a budget see whether there is enough now: one was changed from outside."""
        self._loop.poke(self._pipeline.budgeting.look_again)

    def declare_budget(self, budget: Budget, *, spent: Amount | None = None) -> None:
        """Take up a budget, or change one; those who wait for it look again."""
        self.budgets.declare(budget, spent=spent)
        self.look_again()

    def drop_budget(self, account: Account) -> None:
        """Forget a budget; those who wait for it go on."""
        self.budgets.drop(account)
        self.look_again()

    def start_run(self, run: str) -> None:
        """A run begins, or begins again: its equal calls count from the first."""
        journaling = self._pipeline.journaling
        if journaling is not None:
            self._loop.poke(lambda: journaling.start_run(run))

    def forget_cached(self, tenant: str | None = None) -> None:
        """Drop the answers in memory, of one tenant or of all: the store has been cleared."""
        self._pipeline.cache.forget(tenant)

    def usage(self) -> dict[str, Tally]:
        """What each model used so far has cost; tokens as the models report them."""
        return self._board.snapshot()

    def close(self) -> None:
        """Abandon what is under way and close the connections. Idempotent; waits for some seconds at most."""
        self._loop.close()

    def _check_thread(self, call: str, instead: str) -> None:
        if self._loop.is_here:
            raise ReentrancyError(call=call, instead=f"{instead} on the gateway's loop")

    def _admit(self, call: LMCall) -> Route:
        """Where the call leads. Raises GatewayError when it is refused."""
        route = self._router.route(call)
        if call.deadline is not None and self._clock() >= call.deadline:
            self._board.count_failure(_name_of(route.targets[0]))
            raise ModelTimeoutError(f"the deadline had passed before {route.targets[0].provider} was asked")
        return route

    def _is_computed_here(self, target: Target, payer: Payer) -> bool:
        parts = self._parts
        if not target.is_local or (payer.run is not None and parts.journal is not None):
            return False
        return not parts.budgets or not parts.budgets.covering(accounts_of(payer, target))

    def _begin(self, call: LMCall, route: Route) -> Future[Answer]:
        routed = _routed(call, route)
        found = self._peek(routed)
        if found is None:
            return self._loop.submit(self._complete(routed))
        done: Future[Answer] = Future()
        done.set_result(found)
        return done

    def _peek(self, routed: RoutedCall) -> Answer | None:
        """The answer, if it is in memory and nothing must be waited for: no way to the loop and back."""
        if self._parts.journal is not None and routed.call.payer.run is not None:
            return None
        check_permission(self._parts.permissions, routed.call, routed.target)
        page = self._pipeline.page(routed, KEPT)
        found = self._pipeline.cache.peek(routed)
        if found is None:
            return None
        self._count(routed, found)
        return found if page is None else page.answered(found)

    async def _complete(self, routed: RoutedCall) -> Answer:
        try:
            answer = await self._pipeline.first.complete(routed)
        except BaseException:
            self._board.count_failure(_name_of(routed.target))
            raise
        self._count(routed, answer)
        return answer

    async def _stream(self, routed: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        has_ended = False
        try:
            async with aclosing(self._pipeline.first.stream(routed)) as items:
                async for item in items:
                    if isinstance(item, Answer):
                        has_ended = True
                        self._count(routed, item)
                    yield item
        finally:
            if not has_ended:
                self._board.count_failure(_name_of(routed.target))

    def _compute(self, call: LMCall, target: Target) -> Answer:
        check_permission(self._parts.permissions, call, target)
        page = self._page(call, target)
        model = self._router.local[target.provider]
        try:
            response = model.complete(_asked(call, target), meta=call.meta, deadline=call.deadline)
        except BaseException as error:
            self._missed(target, page, error)
            raise
        self._board.count_answer(target.provider, response.get("usage"))
        answer = Answer(response, Source.LOCAL, target)
        return answer if page is None else page.answered(answer)

    def _compute_events(self, call: LMCall, target: Target) -> Generator[JsonMap | Answer]:
        check_permission(self._parts.permissions, call, target)
        model = self._router.local[target.provider]
        events = model.stream(_asked(call, target), meta=call.meta, deadline=call.deadline)
        return self._told(target, self._page(call, target), events)

    def _told(
        self, target: Target, page: Page | None, events: Iterator[JsonMap]
    ) -> Generator[JsonMap | Answer]:
        told: list[JsonMap] = []
        try:
            for event in events:
                told.append(event)
                if page is not None and event.get("type") == "delta":
                    page.begun()
                yield event
        except BaseException as error:
            self._missed(target, page, error)
            raise
        answer = Answer(assembled(told), Source.LOCAL, target)
        self._board.count_answer(target.provider, usage_of(answer.response))
        yield answer if page is None else page.answered(answer)

    def _page(self, call: LMCall, target: Target) -> Page | None:
        return self._pipeline.page(RoutedCall(call, target), SENT) if self._pipeline.is_recorded else None

    def _missed(self, target: Target, page: Page | None, error: BaseException) -> None:
        self._board.count_failure(_name_of(target))
        if page is not None:
            page.ended(error)

    def _count(self, routed: RoutedCall, answer: Answer) -> None:
        self._board.count_answer(_name_of(routed.target), usage_of(answer.response))

    async def _finish(self) -> None:
        if self._parts.upstream is not None:
            await self._parts.upstream.aclose()


def _asked(call: LMCall, target: Target) -> JsonMap:
    """What a model of this process is asked: defaults are those of an alias that leads to it."""
    return addressed(call.request, target) if target.defaults else call.request


def _routed(call: LMCall, route: Route) -> RoutedCall:
    first, *others = route.targets
    return RoutedCall(call, first, tuple(others), key_of(call, first))


def _name_of(target: Target) -> str:
    return target.provider if target.is_local else target.name


def _translated(items: Iterator[_T]) -> Generator[_T]:
    try:
        yield from items
    except CancelledError as error:
        raise GatewayClosedError("the gateway was closed before the stream had ended") from error
