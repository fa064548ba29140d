"""Cool-down: a provider that keeps failing is left alone, and one call finds out when it works again."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from steps import ScriptedModel, asked, elsewhere, now, play, response

from dspash.gateway import (
    GatewayError,
    JsonMap,
    ModelTimeoutError,
    ProviderRestingError,
    RateLimitError,
    RejectedRequestError,
    RetryPolicy,
    ServerError,
    TransportError,
)
from dspash.gateway.attempts import Attempts
from dspash.gateway.cooldown import (
    FAILURES,
    FIRST_REST_S,
    LONGEST_REST_S,
    PATIENCE_S,
    WELL,
    Condition,
    Probed,
    Resting,
    Well,
    abandoned,
    allows,
    counts_against,
    failed,
    worked,
)
from dspash.gateway.model import RoutedCall

ONCE = RetryPolicy(attempts=1, base_s=0.0, cap_s=0.0, longest_wait_s=10.0)


class OneKey(RuleBasedStateMachine):
    """Calls go out, work, fail or are abandoned in any order, and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.condition: Condition = WELL
        self.out = 0
        self.probes = 0

    @rule()
    def ask(self) -> None:
        before = self.condition
        after = allows(before, self.now)
        if isinstance(before, Resting):
            assert (after is not None) == (self.now >= before.until)
        if after is not None:
            self.condition = after
            self.out += 1
            self.probes += isinstance(after, Probed)

    @precondition(lambda self: self.out > 0)
    @rule(outcome=st.sampled_from([0, 1, 2]))
    def end(self, outcome: int) -> None:
        self.out -= 1
        if outcome == 0:
            self.condition = worked(self.condition)
            assert self.condition == WELL
        elif outcome == 1:
            self.condition = failed(self.condition, self.now)
            assert self.condition != WELL
        else:
            self.condition = abandoned(self.condition, self.now)

    @rule(seconds=st.floats(0.1, 2 * LONGEST_REST_S))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def rests_are_bounded(self) -> None:
        if isinstance(self.condition, Resting):
            assert self.condition.until - self.now <= LONGEST_REST_S
        if isinstance(self.condition, Well):
            assert self.condition.failures < FAILURES


TestOneKey = OneKey.TestCase
TestOneKey.settings = settings(max_examples=30, stateful_step_count=40)


def test_each_rest_is_twice_as_long_up_to_the_longest() -> None:
    condition: Condition = WELL
    for _ in range(FAILURES):
        condition = failed(condition, 0.0)
    rests: list[float] = []
    for _ in range(8):
        assert isinstance(condition, Resting)
        rests.append(condition.until)
        condition = failed(Probed(condition.rests), 0.0)
    assert rests[:3] == [FIRST_REST_S, 2 * FIRST_REST_S, 4 * FIRST_REST_S]
    assert rests[-1] == LONGEST_REST_S


@pytest.mark.parametrize(
    ("error", "latency_s", "counts"),
    [
        (ServerError("500"), 0.1, True),
        (TransportError("reset"), 0.1, True),
        (ModelTimeoutError("slow"), PATIENCE_S, True),
        (ModelTimeoutError("hurried"), 0.5, False),
        (RateLimitError("429"), 0.1, False),
        (RejectedRequestError("400"), 0.1, False),
    ],
)
def test_only_the_providers_own_failures_count_against_it(
    error: GatewayError, latency_s: float, *, counts: bool
) -> None:
    assert counts_against(error, latency_s) == counts


def failing(model: ScriptedModel, policy: RetryPolicy = ONCE) -> Attempts:
    return Attempts(model, policy, clock=now, draw=lambda: 1.0)


async def wear_out(steps: Attempts) -> None:
    for _ in range(FAILURES):
        with pytest.raises(ServerError):
            await steps.complete(asked())


def test_a_failing_provider_is_spared_and_its_fallback_asked_at_once() -> None:
    async def scene() -> None:
        async def by_provider(call: RoutedCall) -> JsonMap:
            if call.target.provider == "second":
                return response()
            raise ServerError("500")

        model = ScriptedModel(by_provider)
        steps = failing(model)
        await wear_out(steps)
        answer = await steps.complete(asked(fallbacks=(elsewhere("second"),)))
        assert [made.target for made in answer.attempts] == ["second/gpt"]
        assert now() == 0.0

    play(scene)


def test_when_its_rest_is_over_one_call_probes_and_the_others_follow_when_it_worked() -> None:
    async def scene() -> None:
        async def slowly_well(_: RoutedCall) -> JsonMap:
            await asyncio.sleep(0.5)
            return response()

        model = ScriptedModel(*[ServerError("500")] * FAILURES, slowly_well)
        steps = failing(model)
        await wear_out(steps)
        answers = await asyncio.gather(*[steps.complete(asked()) for _ in range(20)])
        assert len(answers) == 20
        assert model.times[FAILURES:] == [FIRST_REST_S] + [FIRST_REST_S + 0.5] * 19

    play(scene)


def test_a_call_that_cannot_wait_for_the_rest_to_end_is_told_how_long_it_is() -> None:
    async def scene() -> None:
        steps = failing(ScriptedModel(ServerError("500")))
        await wear_out(steps)
        with pytest.raises(ProviderRestingError) as caught:
            await steps.complete(asked(deadline=1.0))
        assert caught.value.retryable
        assert caught.value.retry_after_s == pytest.approx(FIRST_REST_S)
        assert now() == 0.0

    play(scene)


def test_a_probe_that_is_cancelled_leaves_room_for_the_next() -> None:
    async def scene() -> None:
        async def for_ever(_: RoutedCall) -> JsonMap:
            await asyncio.sleep(1e6)
            return response()

        model = ScriptedModel(*[ServerError("500")] * FAILURES, for_ever, response())
        steps = failing(model)
        await wear_out(steps)
        probe = asyncio.create_task(steps.complete(asked()))
        await asyncio.sleep(FIRST_REST_S + 1)
        follower = asyncio.create_task(steps.complete(asked()))
        await asyncio.sleep(0)
        probe.cancel()
        await follower
        assert now() == FIRST_REST_S + 1

    play(scene)


def test_a_call_that_was_turned_back_on_its_way_tells_nothing_of_the_provider() -> None:
    async def scene() -> None:
        no_turn = ModelTimeoutError("its turn would come too late", retry_after_s=60.0)
        no_turn.was_sent = False
        failures: list[GatewayError] = [ServerError("500")] * (FAILURES - 1)
        steps = failing(ScriptedModel(*failures, no_turn, ServerError("500")))
        outcomes = [
            await asyncio.gather(steps.complete(asked()), return_exceptions=True) for _ in range(FAILURES + 1)
        ]
        assert outcomes[FAILURES - 1] == [no_turn]
        assert no_turn.attempts == ()
        # The failure behind it was the eighth in a row.
        assert isinstance(steps.health.condition("key-1"), Resting)

    play(scene)


def test_nobody_waits_longer_than_the_policy_for_a_provider_that_stays_away() -> None:
    async def scene() -> None:
        model = ScriptedModel(*[ServerError("500")] * FAILURES, 1e5, ServerError("500"))
        steps = failing(model)
        await wear_out(steps)
        probe = asyncio.create_task(steps.complete(asked()))
        await asyncio.sleep(FIRST_REST_S + 1)
        with pytest.raises(ProviderRestingError):
            await steps.complete(asked())
        assert now() <= FIRST_REST_S + 1 + ONCE.longest_wait_s
        probe.cancel()

    play(scene)
