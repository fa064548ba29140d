"""The gateway and real connections: one way for every call, from threads, tasks and loops, to a server and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from steps import MemoryCacheStore, MemoryJournal, MemoryLedger, text_in

from dspash.errors import ReentrancyError
from dspash.gateway import (
    NO_CACHE,
    Account,
    Answer,
    Budget,
    BudgetExceededError,
    CallKind,
    Capabilities,
    Gateway,
    GatewayClosedError,
    JsonMap,
    LMCall,
    ModelNotAllowedError,
    ModelTimeoutError,
    OfflineModel,
    Outcome,
    Payer,
    Permission,
    PipelineParts,
    RetryPolicy,
    Route,
    Scope,
    ServerError,
    Source,
    Target,
)
from dspash.gateway.loop import LoopThread
from dspash.gateway.providers.directory import EnvironmentOnly, ProviderDirectory
from dspash.gateway.providers.environment import environment_roster
from dspash.gateway.providers.wires import Wires
from provider_server.asked import Asked, Said
from provider_server.mischief import Etiquette, Manners, Mischief, well_behaved
from provider_server.server import ProviderServer
from tests.leaks import no_leaks, wait_until

MODEL = "openai/gpt-4o-mini"
QUICK = RetryPolicy(attempts=3, base_s=0.01, cap_s=0.02)


@contextmanager
def serving(
    *,
    etiquette: Etiquette = well_behaved,
    reply: Callable[[Asked], Said] = Said.echo,
    default: str = MODEL,
    **parts: Any,
) -> Generator[tuple[Gateway, ProviderServer]]:
    """A gateway whose only provider is a server of this test."""
    with ProviderServer.running(reply=reply, etiquette=etiquette) as server:
        environ = {"OPENAI_API_KEY": server.key, "OPENAI_BASE_URL": f"{server.url}/v1"}
        directory = ProviderDirectory(EnvironmentOnly(environment_roster(environ)), default=default)
        made = PipelineParts(upstream=Wires(directory), prices=directory, retry=QUICK)
        gateway = Gateway(
            {"offline": OfflineModel()}, default, directory=directory, parts=replace(made, **parts)
        )
        try:
            yield gateway, server
        finally:
            gateway.close()


def saying(text: str = "hello", **fields: Any) -> LMCall:
    request: JsonMap = {
        "model": "default",
        "messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}],
    }
    return LMCall(request, **fields)


def test_a_call_is_answered_once_and_then_from_the_cache_with_all_of_it_on_record() -> None:
    ledger = MemoryLedger()
    with serving(ledger=ledger, cache_store=MemoryCacheStore()) as (gateway, server):
        first, again = gateway.complete(saying()), gateway.complete(saying())
        assert text_in(first) == text_in(again) == "You said: hello"
        assert (first.source, again.source) == (Source.PROVIDER, Source.CACHE)
        assert first.cost is not None
        assert first.cost.usd > 0
        assert server.asked == 1
        assert [exchange.outcome for exchange in ledger.exchanges] == [Outcome.ANSWERED] * 2
        recorded = [exchange.answer for exchange in ledger.exchanges]
        assert recorded == [first, again]
        assert gateway.usage()[MODEL].calls == 2


def test_streams_arrive_in_threads_and_on_any_loop_and_are_cached() -> None:
    with serving(default=MODEL) as (gateway, server):

        async def here(text: str) -> list[JsonMap | Answer]:
            return [item async for item in gateway.astream(saying(text))]

        threaded = list(gateway.stream(saying("one two three")))
        awaited = asyncio.run(here("one two three"))
        within = gateway.run(here("four five")).result(10)
        for items, source in (
            (threaded, Source.PROVIDER),
            (awaited, Source.CACHE),
            (within, Source.PROVIDER),
        ):
            *events, answer = items
            assert isinstance(answer, Answer)
            assert answer.source is source
            assert [event["type"] for event in events if isinstance(event, dict)][:: len(events) - 1] == [
                "start",
                "end",
            ]
        assert text_in(threaded[-1]) == text_in(awaited[-1]) == "You said: one two three"
        assert isinstance(threaded[-1], Answer)
        assert server.asked == 2


def test_first_tokens_are_timed() -> None:
    ledger = MemoryLedger()
    with serving(ledger=ledger, etiquette=lambda *_: Manners(between_s=0.02)) as (gateway, _):
        *_, answer = gateway.stream(saying("one two three four"))
        assert isinstance(answer, Answer)
        assert answer.first_token_s is not None
        assert 0 < answer.first_token_s < answer.latency_s
        [exchange] = ledger.exchanges
        assert exchange.answer == answer


@pytest.mark.timeout(60)
def test_two_hundred_threads_with_one_question_make_one_request() -> None:
    with serving(etiquette=lambda *_: Manners(delay_s=0.5)) as (gateway, server):
        ready = threading.Barrier(200)

        def ask() -> Answer:
            ready.wait(10)
            return gateway.complete(saying())

        with ThreadPoolExecutor(200) as threads:
            answers = list(threads.map(lambda _: ask(), range(200)))
        assert {text_in(answer) for answer in answers} == {"You said: hello"}
        assert server.asked == 1


def test_512_calls_are_under_way_at_once() -> None:
    with serving(etiquette=lambda *_: Manners(delay_s=1.0)) as (gateway, server):
        futures = [gateway.submit(saying(f"question {number}", cache=NO_CACHE)) for number in range(512)]
        assert len({text_in(future.result(15)) for future in futures}) == 512
        assert server.most_open > 256  # all that the server had accepted before it answered the first


@pytest.mark.parametrize("how", ["future", "stream", "deadline"])
def test_a_call_that_is_given_up_drops_its_connection(how: str) -> None:
    with serving(etiquette=lambda *_: Manners(Mischief.SILENT)) as (gateway, server):
        match how:
            case "future":
                future = gateway.submit(saying())
                wait_until(lambda: server.most_open == 1, "the request")
                future.cancel()
            case "stream":
                items = gateway.stream(saying())
                reading = threading.Thread(target=lambda: next(items, None))
                future = gateway.run(_drained(gateway))
                wait_until(lambda: server.most_open == 1, "the request")
                future.cancel()
                assert not reading.is_alive()
            case _:
                import time

                with pytest.raises(ModelTimeoutError):
                    gateway.complete(saying(deadline=time.monotonic() + 0.3))
        wait_until(lambda: server.abandoned == 1, "the connection to be dropped")
        assert server.asked == 0 or not server.answered


async def _drained(gateway: Gateway) -> None:
    async for _ in gateway.astream(saying()):
        pass


def test_failures_are_retried_and_all_attempts_are_on_record() -> None:
    mischief = [Mischief.BROKEN, Mischief.RESET, None]
    ledger = MemoryLedger()
    with serving(ledger=ledger, etiquette=lambda number, _: Manners(mischief[min(number, 2)])) as (
        gateway,
        server,
    ):
        answer = gateway.complete(saying())
        assert [made.error for made in answer.attempts] == ["server", "transport", None]
        assert [made.status for made in answer.attempts] == [500, None, None]
        assert [len(exchange.attempts) for exchange in ledger.exchanges] == [3]
        assert len(server.answered) == 1


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_what_fails_and_what_is_given_up_is_on_record_too(*, streams: bool) -> None:
    ledger, asked = MemoryLedger(), list[int]()

    def etiquette(number: int, _: Asked) -> Manners:
        asked.append(number)
        return Manners(Mischief.BROKEN if number < QUICK.attempts else Mischief.SILENT)

    with serving(ledger=ledger, etiquette=etiquette) as (gateway, _):

        async def ask() -> None:
            if not streams:
                await gateway.acomplete(saying())
                return
            async for _ in gateway.astream(saying()):
                pass

        with pytest.raises(ServerError):
            gateway.run(ask()).result(10)
        future = gateway.run(ask())
        wait_until(lambda: asked[-1:] == [QUICK.attempts], "the request")
        future.cancel()
        wait_until(lambda: len(ledger.exchanges) == 2, "both on record")
        failed, left = ledger.exchanges
        assert (failed.outcome, len(failed.attempts), left.outcome) == (
            Outcome.FAILED,
            QUICK.attempts,
            Outcome.CANCELLED,
        )
        assert isinstance(failed.error, ServerError)


def test_sixteen_threads_never_spend_more_than_the_budget() -> None:
    run = Account(Scope.RUN, "r")
    mischief = [None, Mischief.BROKEN, None, Mischief.OVERLOADED, None]
    with serving(etiquette=lambda number, _: Manners(mischief[number % 5])) as (gateway, server):
        gateway.declare_budget(Budget(run, calls=50))

        def work(worker: int) -> int:
            answered = 0
            for number in range(10):
                call = saying(f"{worker} {number}", payer=Payer(run="r"), cache=NO_CACHE)
                try:
                    gateway.complete(call)
                except BudgetExceededError:
                    return answered
                except ServerError:
                    continue
                answered += 1
            return answered

        with ThreadPoolExecutor(16) as threads:
            answered = sum(threads.map(work, range(16)))
        assert server.asked == 50
        assert answered == len(server.answered)
        state = gateway.budgets.state(run)
        assert state is not None
        assert (state.spent.calls, state.reserved.calls) == (50, 0)
        gateway.drop_budget(run)
        gateway.complete(saying("free", payer=Payer(run="r")))


def test_a_run_repeated_by_another_process_asks_nothing_again_even_when_its_budget_is_spent() -> None:
    journal = MemoryJournal()
    payer = Payer(run="r")

    def run_it(gateway: Gateway) -> list[str]:
        calls = [saying(f"question {number % 2}", payer=payer, cache=NO_CACHE) for number in range(4)]
        return [text_in(gateway.complete(call)) for call in calls]

    with serving(journal=journal) as (gateway, server):
        told = run_it(gateway)
        assert server.asked == 4
        gateway.start_run("r")
        assert run_it(gateway) == told
        assert server.asked == 4
    with serving(journal=journal) as (gateway, server):
        # The endpoint is part of what a request is, so that the servers must be taken for one.
        journal.entries = {
            (place[0], _key_at(gateway, f"question {number % 2}"), place[2]): entry
            for number, (place, entry) in enumerate(journal.entries.items())
        }
        gateway.declare_budget(Budget(Account(Scope.RUN, "r"), calls=0))
        assert run_it(gateway) == told
        assert server.asked == 0
        with pytest.raises(BudgetExceededError):
            gateway.complete(saying("new", payer=payer))


def _key_at(gateway: Gateway, text: str) -> str:
    from dspash.gateway.request import key_of

    return key_of(saying(text), gateway.targets()[0])


def test_local_models_compute_in_the_callers_thread_and_are_recorded_unless_a_run_or_budget_wants_more() -> (
    None
):
    ledger, journal = MemoryLedger(), MemoryJournal()
    with serving(default="offline", ledger=ledger, journal=journal) as (gateway, server):
        assert gateway.is_local({"model": "offline"}, Payer())
        answer = gateway.complete(saying("What is two plus two?"))
        events = list(gateway.stream(saying("What is two plus two?")))
        assert repr(gateway._loop) == "<LoopThread dspash-gateway idle>"
        assert answer.source is Source.LOCAL
        assert isinstance(events[-1], Answer)
        assert events[-1].response == answer.response
        assert not gateway.is_local({"model": "offline"}, Payer(run="r"))
        in_run = gateway.complete(saying("What is two plus two?", payer=Payer(run="r")))
        *pieces, streamed = gateway.stream(saying("What is three plus two?", payer=Payer(run="r")))
        assert isinstance(streamed, Answer)
        assert in_run.response == answer.response
        assert len(pieces) > 2
        assert len(journal.entries) == 2
        gateway.declare_budget(Budget(Account(Scope.TENANT, "default"), calls=0))
        with pytest.raises(BudgetExceededError):
            gateway.complete(saying("What is two plus two?"))
        assert [exchange.target.is_local for exchange in ledger.exchanges] == [True] * 5
        assert not server.asked


def test_an_alias_of_a_local_model_brings_its_defaults() -> None:
    class Aliases:
        def resolve(self, name: str, tenant: str) -> Route:
            return Route(
                (Target("offline", "offline", "offline", "k", defaults={"max_tokens": 1}, is_local=True),)
            )

        def capabilities(self, name: str, tenant: str) -> Capabilities:
            return Capabilities()

    gateway = Gateway({"offline": OfflineModel()}, "offline", directory=Aliases())
    call = replace(saying("What is two plus two?"), request={**saying().request, "model": "short"})
    assert gateway.complete(call).response["finish_reason"] == "length"
    *_, answer = gateway.stream(call)
    assert isinstance(answer, Answer)
    assert answer.response["finish_reason"] == "length"


def test_vectors_take_the_same_way() -> None:
    with serving() as (gateway, server):
        call = LMCall(
            {"model": "openai/text-embedding-3-small", "inputs": ["a", "b"]}, kind=CallKind.EMBEDDING
        )
        first, again = gateway.complete(call), gateway.complete(call)
        vectors: Any = first.response["vectors"]
        assert len(vectors) == 2
        assert again.response == first.response
        assert (again.source, server.asked) == (Source.CACHE, 1)


def test_what_is_not_permitted_is_refused_from_the_cache_too() -> None:
    with serving(permissions=(Permission((MODEL,), program="qa"),)) as (gateway, _):
        gateway.complete(saying(payer=Payer(program="qa")))
        with pytest.raises(ModelNotAllowedError):
            gateway.complete(saying(payer=Payer(program="chat")))
        with pytest.raises(ModelNotAllowedError):
            list(gateway.stream(saying(payer=Payer(program="chat"))))
        with pytest.raises(ModelNotAllowedError):
            gateway.complete(replace(saying(), request={**saying().request, "model": "offline"}))


def test_tokens_are_counted_and_it_is_said_how() -> None:
    with serving() as (gateway, _):
        counted = asyncio.run(gateway.count_tokens(saying("one two three")))
        assert counted.count > 0
        local = asyncio.run(
            gateway.count_tokens(
                replace(saying("x" * 400), request={**saying("x" * 400).request, "model": "offline"})
            )
        )
        assert (local.how, local.count > 100) == ("estimate", True)


def test_closing_ends_what_is_under_way_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with no_leaks(tmp_path), serving(etiquette=lambda *_: Manners(Mischief.SILENT)) as (gateway, server):
        waiting = ThreadPoolExecutor(3)
        awaited = waiting.submit(lambda: asyncio.run(gateway.acomplete(saying("awaited"))))
        whole = waiting.submit(lambda: gateway.complete(saying("whole")))
        streamed = waiting.submit(lambda: list(gateway.stream(saying("streamed"))))
        submitted = gateway.submit(saying("submitted"))
        wait_until(lambda: server.most_open == 4, "the requests")
        gateway.close()
        for future in (whole, streamed, awaited):
            with pytest.raises(GatewayClosedError):
                future.result(10)
        with pytest.raises(CancelledError):
            submitted.result(10)
        with pytest.raises(GatewayClosedError):
            gateway.complete(saying("late"))
        gateway.close()
        waiting.shutdown()


def test_waiting_on_the_gateways_own_loop_is_refused_with_the_way_out() -> None:
    with serving() as (gateway, _):

        async def wait() -> None:
            gateway.complete(saying())

        async def listen() -> None:
            gateway.stream(saying())

        for waits, way_out in ((wait, "acomplete"), (listen, "astream")):
            with pytest.raises(ReentrancyError, match=way_out):
                gateway.run(waits()).result(10)


def test_a_loop_that_was_never_needed_is_closed_without_having_been_started() -> None:
    loop = LoopThread("test-loop")
    loop.close()
    assert repr(loop) == "<LoopThread test-loop closed>"

    async def nothing() -> None:
        """Is never run."""

    with pytest.raises(GatewayClosedError):
        loop.submit(nothing())
