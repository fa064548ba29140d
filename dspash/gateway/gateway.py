"""The gateway: names lead to models, every call takes the same way, failures carry lm15's codes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

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
from dspash.gateway.request import key_of
from dspash.gateway.routing import Router
from dspash.gateway.spent import usage_of
from dspash.gateway.tally import Tally, TallyBoard
from dspash.gateway.target import Directory, Target
from dspash.gateway.upstream import CountedBy, TokenCount

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
        return self._is_computed_here(self._router.route(LMCall(request, payer=payer)))

    def complete(self, call: LMCall) -> Answer:
        """Answer one call. Waits, unless it is computed here. Raises GatewayError."""
        routed = self._admit(call)
        if self._is_computed_here(routed):
            return self._compute(routed)
        return _result(self._begin(routed))

    def stream(self, call: LMCall) -> Iterator[JsonMap | Answer]:
        """Answer one call as stream events, and the Answer after them. Raises GatewayError, at once what is refused.

        A stream that is closed before its end is abandoned, and counts as a failure: nobody has got the whole answer.
        """
        routed = self._admit(call)
        if self._is_computed_here(routed):
            return self._compute_events(routed)
        return _translated(read_sync(self._loop, self._stream(self._keyed(routed))))

    def submit(self, call: LMCall) -> Future[Answer]:
        """Begin to answer one call. Cancelling the future drops the connection. Raises GatewayError for what is refused."""
        return self._begin(self._admit(call))

    async def acomplete(self, call: LMCall) -> Answer:
        """Answer one call, on any event loop. Raises GatewayError."""
        return await asyncio.wrap_future(self.submit(call))

    async def astream(self, call: LMCall) -> AsyncGenerator[JsonMap | Answer]:
        """The same as `stream`, on any event loop."""
        items = self._stream(self._keyed(self._admit(call)))
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
        routed = self._router.route(call)
        if self._parts.upstream is None or routed.target.is_local:
            return TokenCount(measure_of(routed).likely_input, CountedBy.ESTIMATE)
        counting = self._parts.upstream.count_tokens(routed.target, call.request, deadline=call.deadline)
        return await asyncio.wrap_future(self._loop.submit(counting))

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

    def _admit(self, call: LMCall) -> RoutedCall:
        """The call with its targets. Raises GatewayError when it is refused."""
        routed = self._router.route(call)
        if call.deadline is not None and self._clock() >= call.deadline:
            self._board.count_failure(_name_of(routed.target))
            raise ModelTimeoutError(f"the deadline had passed before {routed.target.provider} was asked")
        return routed

    def _is_computed_here(self, routed: RoutedCall) -> bool:
        payer, parts = routed.call.payer, self._parts
        if not routed.target.is_local or (parts.journal is not None and payer.run is not None):
            return False
        return not parts.budgets or not parts.budgets.covering(accounts_of(payer, routed.target))

    def _keyed(self, routed: RoutedCall) -> RoutedCall:
        return replace(routed, key=key_of(routed.call, routed.target))

    def _begin(self, routed: RoutedCall) -> Future[Answer]:
        routed = self._keyed(routed)
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

    def _compute(self, routed: RoutedCall) -> Answer:
        call, target = routed.call, routed.target
        check_permission(self._parts.permissions, call, target)
        page = self._pipeline.page(routed, SENT)
        model = self._router.local[target.provider]
        try:
            response = model.complete(call.request, meta=call.meta, deadline=call.deadline)
        except BaseException as error:
            self._missed(routed, page, error)
            raise
        answer = Answer(response, Source.LOCAL, target)
        self._count(routed, answer)
        return answer if page is None else page.answered(answer)

    def _compute_events(self, routed: RoutedCall) -> Generator[JsonMap | Answer]:
        call, target = routed.call, routed.target
        check_permission(self._parts.permissions, call, target)
        model = self._router.local[target.provider]
        return self._told(routed, model.stream(call.request, meta=call.meta, deadline=call.deadline))

    def _told(self, routed: RoutedCall, events: Iterator[JsonMap]) -> Generator[JsonMap | Answer]:
        page = self._pipeline.page(routed, SENT)
        told: list[JsonMap] = []
        try:
            for event in events:
                told.append(event)
                if page is not None and event.get("type") == "delta":
                    page.begun()
                yield event
        except BaseException as error:
            self._missed(routed, page, error)
            raise
        answer = Answer(assembled(told), Source.LOCAL, routed.target)
        self._count(routed, answer)
        yield answer if page is None else page.answered(answer)

    def _missed(self, routed: RoutedCall, page: Page | None, error: BaseException) -> None:
        self._board.count_failure(_name_of(routed.target))
        if page is not None:
            page.ended(error)

    def _count(self, routed: RoutedCall, answer: Answer) -> None:
        self._board.count_answer(_name_of(routed.target), usage_of(answer.response))

    async def _finish(self) -> None:
        if self._parts.upstream is not None:
            await self._parts.upstream.aclose()


def _name_of(target: Target) -> str:
    return target.provider if target.is_local else target.name


def _result(future: Future[_T]) -> _T:
    """What the future comes to. Whoever stops waiting for it abandons the call."""
    try:
        return future.result()
    except CancelledError as error:
        raise GatewayClosedError("the gateway was closed before the answer was there") from error
    finally:
        future.cancel()


def _translated(items: Iterator[_T]) -> Generator[_T]:
    try:
        yield from items
    except CancelledError as error:
        raise GatewayClosedError("the gateway was closed before the stream had ended") from error
