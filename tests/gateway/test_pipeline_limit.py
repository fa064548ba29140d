"""Limits: so many at once, so many a minute, as stated and as the provider tells; first come, first served."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import TARGET, ScriptedModel, asked, listen, now, play, response

from dspash.gateway import (
    Answer,
    JsonMap,
    KeyLimits,
    ModelTimeoutError,
    RateLimitError,
    Source,
    TransportError,
)
from dspash.gateway.limit import FIRST_PAUSE_S, Bucket, KeyGate, Pace
from dspash.gateway.limiting import Limiting
from dspash.gateway.model import RoutedCall
from dspash.gateway.rate_limits import Allowance, RateLimits

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.floats(0, 30)),
        st.tuples(st.just("leave"), st.none() | st.integers(0, 60)),
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_a_gate_never_lets_more_in_than_its_limits(steps: list[tuple[str, float | None]]) -> None:
    limits = KeyLimits(concurrency=3, requests_per_min=6, tokens_per_min=60)
    gate, time, inside, entered = KeyGate(limits, 0.0), 0.0, list[int](), list[float]()
    for step, figure in steps:
        if step == "wait":
            time += figure or 0.0
        elif step == "ask":
            tokens = int(figure or 0)
            if gate.admit("gpt", tokens, time) == 0:
                inside.append(tokens)
                entered.append(time)
        elif inside:
            gate.leave("gpt", inside.pop(), None if figure is None else int(figure), time)
        assert gate.in_use == len(inside) <= 3
        assert gate.stated.tokens is not None
        assert gate.stated.tokens.level <= 60
    for first, began in enumerate(entered):
        within = [at for at in entered[first:] if at < began + 60.0]
        assert len(within) <= 6 + 6  # a full bucket, and what flows in within the minute


def test_a_gate_says_when_to_ask_again_and_then_lets_in() -> None:
    gate = KeyGate(KeyLimits(requests_per_min=60), 0.0)
    while gate.admit("gpt", 0, 0.0) == 0:
        pass
    wait_s = gate.admit("gpt", 0, 0.0)
    assert wait_s == pytest.approx(1.0)
    assert gate.admit("gpt", 0, wait_s + 1e-9) == 0


def test_a_call_larger_than_the_whole_limit_waits_for_a_full_bucket_and_leaves_a_debt() -> None:
    bucket = Bucket(60, 0.0)
    assert bucket.wait_s(100, 0.0) == 0
    bucket.draw(100, 0.0)
    assert bucket.level == -40
    assert bucket.wait_s(1, 0.0) == pytest.approx(41.0)


@pytest.mark.parametrize(
    ("told", "capacity", "level", "per_s"),
    [
        # OpenAI: the bucket fills evenly, and `reset` says when it is full.
        (Allowance(500, 499, 0.12), 500, 499, pytest.approx(500 / 60)),
        (Allowance(500, 0, 60.0), 500, 0, pytest.approx(500 / 60)),
        # A limit a day: the same formula finds the slower rate.
        (Allowance(1440, 0, 86_400.0), 1440, 0, pytest.approx(1 / 60)),
        # Only the limit is told.
        (Allowance(120, None, None), 120, 120, pytest.approx(2.0)),
        # Somebody else uses the key.
        (Allowance(500, 4, 59.0), 500, 4, pytest.approx(496 / 59)),
        # A reset of nothing, or of no figure at all, leaves the rate as it was.
        (Allowance(60, 10, 0.0), 60, 10, pytest.approx(1.0)),
    ],
)
def test_what_a_provider_tells_is_taken_over(
    *, told: Allowance, capacity: float, level: float, per_s: float
) -> None:
    bucket = Bucket(1000, 0.0)
    bucket.learn(told, 0.0)
    assert (bucket.capacity, bucket.level, bucket.per_s) == (capacity, level, per_s)


def test_of_what_is_stated_and_what_is_told_the_stricter_holds() -> None:
    gate = KeyGate(KeyLimits(requests_per_min=30), 0.0)
    gate.told("gpt").learn(RateLimits(requests=Allowance(500, 500, None)), 0.0)
    admitted = [gate.admit("gpt", 0, 0.0) == 0 for _ in range(40)]
    assert admitted.count(True) == 30
    gate.restate(KeyLimits(requests_per_min=1000), 0.0)
    gate.told("gpt").learn(RateLimits(requests=Allowance(500, 4, 59.0)), 0.0)
    assert [gate.admit("gpt", 0, 0.0) == 0 for _ in range(9)].count(True) == 4


def test_pauses_without_a_time_double_until_a_call_works_and_count_once_for_calls_that_were_out_together() -> (
    None
):
    pace = Pace()
    for _ in range(5):
        pace.pause(None, 0.0)
    assert pace.wait_s(0, 0.0) == FIRST_PAUSE_S
    pace.pause(None, 1.5)
    assert pace.wait_s(0, 1.5) == 2 * FIRST_PAUSE_S
    pace.work()
    pace.pause(None, 9.0)
    assert pace.wait_s(0, 9.0) == FIRST_PAUSE_S
    pace.pause(30.0, 9.0)
    pace.pause(5.0, 9.0)
    assert pace.wait_s(0, 9.0) == 30.0


def limited(model: ScriptedModel) -> Limiting:
    return Limiting(model, clock=now)


def with_limits(**limits: int) -> RoutedCall:
    return asked(target=replace(TARGET, limits=KeyLimits(**limits)))


def test_never_more_calls_are_out_than_a_key_allows_and_all_are_answered() -> None:
    async def slow(_: RoutedCall) -> JsonMap:
        await asyncio.sleep(0.2)
        return response()

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = limited(model)
        await asyncio.gather(*[steps.complete(with_limits(concurrency=7)) for _ in range(70)])
        assert model.most_open == 7
        assert now() == pytest.approx(2.0)

    play(scene)


def test_512_calls_are_out_at_once_by_default() -> None:
    async def slow(_: RoutedCall) -> JsonMap:
        await asyncio.sleep(1.0)
        return response()

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = limited(model)
        await asyncio.gather(*[steps.complete(asked()) for _ in range(600)])
        assert model.most_open == 512

    play(scene)


def test_whoever_came_first_goes_first() -> None:
    async def slow(_: RoutedCall) -> JsonMap:
        await asyncio.sleep(1.0)
        return response()

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = limited(model)
        target = replace(TARGET, limits=KeyLimits(concurrency=1))
        calls = [asked(str(number), target=target) for number in range(10)]
        await asyncio.gather(*[steps.complete(call) for call in calls])
        assert model.calls == calls

    play(scene)


def test_keys_do_not_wait_for_each_other() -> None:
    async def scene() -> None:
        model = ScriptedModel(1e5, response())
        steps = limited(model)
        narrow = replace(TARGET, limits=KeyLimits(concurrency=1))
        stuck = [asyncio.create_task(steps.complete(asked(target=narrow))) for _ in range(2)]
        await asyncio.sleep(0)
        await steps.complete(asked(target=replace(TARGET, key_id="other")))
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        assert now() == 0.0

    play(scene)


def test_a_stated_rate_is_kept_over_time() -> None:
    async def scene() -> None:
        model = ScriptedModel()
        steps = limited(model)
        await asyncio.gather(*[steps.complete(with_limits(requests_per_min=60)) for _ in range(90)])
        assert model.times[:60] == [0.0] * 60
        assert model.times[60:] == pytest.approx([float(number) for number in range(1, 31)])

    play(scene)


def test_a_pause_that_the_provider_asks_for_holds_for_everybody_with_the_key() -> None:
    async def scene() -> None:
        model = ScriptedModel(RateLimitError("429", retry_after_s=7, status=429), response())
        steps = limited(model)
        with pytest.raises(RateLimitError):
            await steps.complete(asked())
        await asyncio.gather(*[steps.complete(asked()) for _ in range(5)])
        assert model.times == [0.0] + [pytest.approx(7.0)] * 5

    play(scene)


def test_a_model_that_is_used_up_holds_up_no_other_with_the_same_key() -> None:
    async def scene() -> None:
        model = ScriptedModel(RateLimitError("429", retry_after_s=60, status=429), response())
        steps = limited(model)
        with pytest.raises(RateLimitError):
            await steps.complete(asked())
        waiting = asyncio.create_task(steps.complete(asked()))
        await asyncio.sleep(1.0)
        await steps.complete(asked(target=replace(TARGET, model="another")))
        assert now() == 1.0
        await waiting
        assert now() == 60.0

    play(scene)


def test_models_that_wait_for_the_slots_of_one_key_take_turns() -> None:
    async def slow(_: RoutedCall) -> JsonMap:
        await asyncio.sleep(1.0)
        return response()

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = limited(model)
        target = replace(TARGET, limits=KeyLimits(concurrency=1))
        names = ["a", "a", "a", "a", "b", "b"]
        await asyncio.gather(*[steps.complete(asked(target=replace(target, model=name))) for name in names])
        assert [call.target.model for call in model.calls] == ["a", "a", "b", "a", "b", "a"]

    play(scene)


def test_limits_that_are_stated_anew_hold_from_the_next_call_on() -> None:
    async def slow(_: RoutedCall) -> JsonMap:
        await asyncio.sleep(1.0)
        return response()

    async def scene() -> None:
        model = ScriptedModel(slow)
        steps = limited(model)
        await steps.complete(with_limits(concurrency=1))
        await asyncio.gather(*[steps.complete(with_limits(concurrency=5)) for _ in range(9)])
        assert model.most_open == 5

    play(scene)


def test_limits_told_with_an_answer_hold_from_then_on() -> None:
    class Telling(ScriptedModel):
        async def complete(self, call: RoutedCall) -> Answer:
            told = RateLimits(requests=Allowance(limit=60, remaining=2, reset_s=58.0))
            return replace(await super().complete(call), limits=told if len(self.calls) == 1 else None)

    async def scene() -> None:
        model = Telling()
        steps = limited(model)
        await steps.complete(asked())
        await asyncio.gather(*[steps.complete(asked()) for _ in range(4)])
        assert model.times == pytest.approx([0.0, 0.0, 0.0, 1.0, 2.0])

    play(scene)


def test_tokens_that_were_not_used_come_back() -> None:
    async def scene() -> None:
        model = ScriptedModel(response(tokens=10))
        steps = limited(model)
        target = replace(TARGET, limits=KeyLimits(tokens_per_min=1000))
        for _ in range(50):
            await steps.complete(asked(target=target, max_tokens=400))
        assert now() == 0.0

    play(scene)


def test_a_turn_that_would_come_after_the_deadline_is_refused_at_once() -> None:
    async def scene() -> None:
        model = ScriptedModel(RateLimitError("429", retry_after_s=60), response())
        steps = limited(model)
        with pytest.raises(RateLimitError):
            await steps.complete(asked())
        with pytest.raises(ModelTimeoutError) as caught:
            await steps.complete(asked(deadline=10.0))
        assert (caught.value.retry_after_s, caught.value.was_sent, now()) == (60, False, 0.0)

    play(scene)


@settings(max_examples=40)
@given(
    fates=st.lists(
        st.tuples(
            st.floats(0, 5), st.floats(0.01, 5) | st.none(), st.sampled_from(["answer", "error", "stream"])
        ),
        max_size=25,
    )
)
def test_every_slot_comes_back_whatever_becomes_of_the_calls(
    fates: list[tuple[float, float | None, str]],
) -> None:
    """Calls come at any time, some are cancelled (also while they queue), some fail, some stream."""

    async def scene() -> None:
        async def slow(call: RoutedCall) -> JsonMap:
            await asyncio.sleep(1.0)
            if call.call.meta.get("fails"):
                raise TransportError("reset")
            return response()

        model = ScriptedModel(slow)
        steps = limited(model)
        target = replace(TARGET, limits=KeyLimits(concurrency=2))

        async def one(begins: float, cancelled_after: float | None, fate: str) -> str:
            await asyncio.sleep(begins)
            call = asked(target=target, meta={"fails": fate == "error"})
            heard: list[JsonMap | Answer] = []
            work = listen(steps, call, heard) if fate == "stream" else steps.complete(call)
            task = asyncio.ensure_future(work)
            if cancelled_after is not None:
                asyncio.get_running_loop().call_later(cancelled_after, task.cancel)
            try:
                await task
            except TransportError:
                return "failed"
            except asyncio.CancelledError:
                return "cancelled"
            return "answered"

        outcomes = await asyncio.gather(*[one(*fate) for fate in fates])
        assert len(outcomes) == len(fates)
        assert model.most_open <= 2
        assert model.open == 0
        after = await steps.complete(asked(target=target))
        assert after.source is Source.PROVIDER
        assert repr(steps).count("0/2 in use") == 1

    play(scene)
