"""Single flight: equal calls are sent once, whoever leaves; a failure that is one caller's own is nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import ScriptedModel, asked, listen, now, play, response, streamed, text_in

from dspash.gateway import (
    NO_CACHE,
    Answer,
    BudgetExceededError,
    GatewayError,
    JsonMap,
    ModelTimeoutError,
    Payer,
    ServerError,
    Source,
)
from dspash.gateway.flight import SingleFlight
from dspash.gateway.model import RoutedCall


async def slow(call: RoutedCall) -> JsonMap:
    await asyncio.sleep(1.0)
    return response(str(call.call.meta.get("rollout_id", "")))


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_two_hundred_equal_calls_are_sent_once(*, streams: bool) -> None:
    async def one(steps: SingleFlight) -> Answer:
        return (await streamed(steps, asked()))[1] if streams else await steps.complete(asked())

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = SingleFlight(model)
        answers = await asyncio.gather(*[one(steps) for _ in range(200)])
        assert len(model.calls) == 1
        sources = [answer.source for answer in answers]
        assert (sources.count(Source.PROVIDER), sources.count(Source.FLIGHT)) == (1, 199)
        assert [answer.attempts for answer in answers].count(()) == 199
        await one(steps)
        assert len(model.calls) == 2

    play(scene)


def test_streams_that_read_no_cache_are_each_their_own() -> None:
    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = SingleFlight(model)
        told = await asyncio.gather(*[streamed(steps, asked(cache=NO_CACHE)) for _ in range(3)])
        assert [answer.source for _, answer in told] == [Source.PROVIDER] * 3
        assert len(model.calls) == 3

    play(scene)


def test_calls_that_differ_in_anything_that_tells_are_sent_each() -> None:
    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = SingleFlight(model)
        calls = [
            asked(meta={"rollout_id": 1}),
            asked(meta={"rollout_id": 2}),
            asked(payer=Payer(tenant="acme")),
            asked(cache=NO_CACHE),
            asked(cache=NO_CACHE),
            asked(temperature=0.5),
        ]
        answers = await asyncio.gather(*[steps.complete(call) for call in calls])
        assert len(model.calls) == len(calls)
        assert [text_in(answer) for answer in answers[:2]] == ["1", "2"]

    play(scene)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_when_the_first_caller_leaves_the_others_keep_the_call(*, streams: bool) -> None:
    def begin(steps: SingleFlight, heard: list[JsonMap | Answer]) -> asyncio.Task[None]:
        async def complete() -> None:
            heard.append(await steps.complete(asked()))

        return asyncio.create_task(listen(steps, asked(), heard) if streams else complete())

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = SingleFlight(model)
        heard: list[list[JsonMap | Answer]] = [[], [], []]
        leader, *followers = [begin(steps, items) for items in heard]
        await asyncio.sleep(0.5)
        leader.cancel()
        await asyncio.gather(*followers)
        assert (len(model.calls), model.cancelled, now()) == (1, 0, 1.0)
        assert not heard[0]
        assert all(isinstance(items[-1], Answer) for items in heard[1:])

    play(scene)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_when_all_have_left_the_call_is_cancelled_and_a_later_one_is_new(*, streams: bool) -> None:
    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = SingleFlight(model)

        async def complete() -> None:
            await steps.complete(asked())

        tasks = [asyncio.create_task(listen(steps, asked(), []) if streams else complete()) for _ in range(3)]
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        later = asyncio.create_task(complete())
        await later
        assert (len(model.calls), model.cancelled, now()) == (2, 1, 1.5)

    play(scene)


def test_a_failure_is_everybodys() -> None:
    async def fails(_: RoutedCall) -> JsonMap:
        await asyncio.sleep(1.0)
        raise ServerError("500")

    async def scene() -> None:
        model = ScriptedModel(fails)
        steps = SingleFlight(model)
        outcomes = await asyncio.gather(*[steps.complete(asked()) for _ in range(5)], return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ServerError] * 5
        assert len(model.calls) == 1

    play(scene)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_spent_budget_is_that_of_its_payer_only(*, streams: bool) -> None:
    async def poor_runs_fail(call: RoutedCall) -> JsonMap:
        await asyncio.sleep(1.0)
        if call.call.payer.run == "poor":
            raise BudgetExceededError("run poor", "calls", limit=0, spent=0, needed=1)
        return response()

    async def one(steps: SingleFlight, run: str) -> str:
        call = asked(payer=Payer(run=run))
        try:
            return (await streamed(steps, call))[1].source if streams else (await steps.complete(call)).source
        except GatewayError as error:
            return type(error).__name__

    async def scene() -> None:
        model = ScriptedModel(poor_runs_fail)
        steps = SingleFlight(model)
        runs = ["poor", "poor", "rich", "rich"]
        outcomes = await asyncio.gather(*[one(steps, run) for run in runs])
        assert outcomes == ["BudgetExceededError", "BudgetExceededError", "provider", "flight"]
        assert len(model.calls) == 2

    play(scene)


def test_a_shorter_deadline_ends_only_the_calls_that_have_it() -> None:
    async def until_deadline(call: RoutedCall) -> JsonMap:
        deadline = call.call.deadline
        if deadline is not None and deadline < 2.0:
            await asyncio.sleep(deadline)
            raise ModelTimeoutError("late")
        await asyncio.sleep(2.0)
        return response()

    async def scene() -> None:
        model = ScriptedModel(until_deadline)
        steps = SingleFlight(model)
        deadlines: list[float | None] = [1.0, 1.0, 9.0, None]
        outcomes = await asyncio.gather(
            *[steps.complete(asked(deadline=deadline)) for deadline in deadlines], return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [
            ModelTimeoutError,
            ModelTimeoutError,
            Answer,
            Answer,
        ]
        assert len(model.calls) == 2

    play(scene)


def test_a_listener_who_comes_late_hears_all_from_the_start() -> None:
    class Dripping(ScriptedModel):
        async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
            async for item in super().stream(call):
                yield item
                await asyncio.sleep(1.0)

    async def scene() -> None:
        steps = SingleFlight(Dripping())
        early: list[JsonMap | Answer] = []
        late: list[JsonMap | Answer] = []
        first = asyncio.create_task(listen(steps, asked(), early))
        await asyncio.sleep(1.5)
        await listen(steps, asked(), late)
        await first
        assert late[:-1] == early[:-1]
        assert len(late) == 4

    play(scene)


@settings(max_examples=40)
@given(
    callers=st.lists(
        st.tuples(st.floats(0, 4), st.none() | st.floats(0.01, 4), st.integers(0, 1), st.booleans()),
        max_size=12,
    )
)
def test_every_caller_has_one_outcome_and_nothing_stays_behind(
    callers: list[tuple[float, float | None, int, bool]],
) -> None:
    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = SingleFlight(model)

        async def one(begins: float, leaves_after: float | None, rollout: int, streams: bool) -> str:
            await asyncio.sleep(begins)
            call, heard = asked(meta={"rollout_id": rollout}), list[JsonMap | Answer]()

            async def complete() -> None:
                heard.append(await steps.complete(call))

            task = asyncio.create_task(listen(steps, call, heard) if streams else complete())
            if leaves_after is not None:
                asyncio.get_running_loop().call_later(leaves_after, task.cancel)
            await asyncio.gather(task, return_exceptions=True)
            if task.cancelled():
                return "left"
            assert isinstance(heard[-1], Answer)
            assert text_in(heard[-1]) == str(rollout)
            return "answered"

        outcomes = await asyncio.gather(*[one(*caller) for caller in callers])
        assert len(outcomes) == len(callers)
        assert model.open == 0
        assert repr(steps) == "<SingleFlight of 0 calls>"
        assert all(
            outcome == "answered"
            for outcome, (_, leaves_after, _, _) in zip(outcomes, callers, strict=True)
            if leaves_after is None
        )

    play(scene)
