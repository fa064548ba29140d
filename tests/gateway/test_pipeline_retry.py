"""Retries: only what may pass, never after the first token, no later than the deadline; then the fallbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import ScriptedModel, asked, elsewhere, listen, now, play, response, streamed, text_in

from dspash.gateway import (
    AuthError,
    ContextLengthError,
    GatewayError,
    JsonMap,
    MalformedReplyError,
    ModelRequestError,
    ModelTimeoutError,
    ProviderRestingError,
    RateLimitError,
    RejectedRequestError,
    RetryPolicy,
    ServerError,
    TransportError,
    UnsupportedFeatureError,
)
from dspash.gateway.answer import Answer
from dspash.gateway.attempts import Attempts
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.refusals import BudgetExceededError
from dspash.gateway.retry import Again, Decision, GiveUp, StandIn, decide

POLICY = RetryPolicy(attempts=3, base_s=1.0, cap_s=8.0, longest_wait_s=60.0)
SPENT = BudgetExceededError("run r", "calls", limit=1, spent=1, needed=1)


def decided(
    error: GatewayError,
    *,
    tries: int = 1,
    has_begun: bool = False,
    has_stand_in: bool = True,
    remaining_s: float | None = None,
    drawn: float = 0.5,
) -> Decision:
    return decide(
        POLICY,
        error,
        tries=tries,
        has_begun=has_begun,
        has_stand_in=has_stand_in,
        remaining_s=remaining_s,
        random=lambda: drawn,
    )


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (ServerError("500"), Again(0.5)),
        (TransportError("reset"), Again(0.5)),
        (MalformedReplyError("html"), Again(0.5)),
        (ModelTimeoutError("slow"), Again(0.5)),
        (RateLimitError("429", retry_after_s=4), Again(4.2)),
        (RateLimitError("429", retry_after_s=60), StandIn()),  # drawn out, it is beyond the longest wait
        (AuthError("401"), StandIn()),
        (ContextLengthError("too long"), StandIn()),
        (RejectedRequestError("400"), GiveUp()),
        (ModelRequestError("$.config", "no"), GiveUp()),
        (UnsupportedFeatureError("tools"), GiveUp()),
        (SPENT, GiveUp()),
        (ProviderRestingError("resting", retry_after_s=2), Again(2.1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_failure_has_one_consequence(error: GatewayError, decision: Decision) -> None:
    assert decided(error) == decision


def test_waits_double_up_to_the_cap_and_are_drawn_from_all_below() -> None:
    waits = [
        decide(
            RetryPolicy(attempts=99, base_s=1.0, cap_s=8.0),
            ServerError("500"),
            tries=tries,
            has_begun=False,
            has_stand_in=False,
            remaining_s=None,
            random=lambda: 1.0,
        )
        for tries in range(1, 7)
    ]
    assert waits == [Again(1.0), Again(2.0), Again(4.0), Again(8.0), Again(8.0), Again(8.0)]
    assert decided(ServerError("500"), tries=2, drawn=0.0) == Again(0.0)


FAILURES = st.sampled_from(
    [ServerError("500"), RateLimitError("429"), AuthError("401"), SPENT, TransportError("x")]
)


@given(
    error=st.one_of(
        FAILURES, st.floats(0, 500).map(lambda wait_s: RateLimitError("429", retry_after_s=wait_s))
    ),
    tries=st.integers(1, 10),
    has_begun=st.booleans(),
    has_stand_in=st.booleans(),
    remaining_s=st.none() | st.floats(-5, 500),
    drawn=st.floats(0, 0.999),
)
def test_a_decision_keeps_every_promise_of_the_policy(
    *,
    error: GatewayError,
    tries: int,
    has_begun: bool,
    has_stand_in: bool,
    remaining_s: float | None,
    drawn: float,
) -> None:
    decision = decided(
        error,
        tries=tries,
        has_begun=has_begun,
        has_stand_in=has_stand_in,
        remaining_s=remaining_s,
        drawn=drawn,
    )
    if has_begun or (remaining_s is not None and remaining_s <= 0):
        assert decision == GiveUp()
    if isinstance(decision, Again):
        assert error.retryable
        assert tries < POLICY.attempts
        assert 0 <= decision.after_s <= POLICY.longest_wait_s
        assert decision.after_s >= (error.retry_after_s or 0)
        assert remaining_s is None or decision.after_s < remaining_s
    if isinstance(decision, StandIn):
        assert has_stand_in


@pytest.mark.parametrize("policy", [{"attempts": 0}, {"base_s": -1.0}, {"base_s": 9.0, "cap_s": 1.0}])
def test_a_policy_that_makes_no_sense_is_refused_by_name(policy: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(policy))):
        RetryPolicy(**policy)  # type: ignore[arg-type]


def retrying(model: AsyncModel) -> Attempts:
    return Attempts(model, POLICY, clock=now, draw=lambda: 1.0)


def test_a_call_is_answered_by_the_attempt_that_works_and_tells_of_the_others() -> None:
    async def scene() -> None:
        model = ScriptedModel(
            ServerError("500", status=500), RateLimitError("429", retry_after_s=5, status=429), response()
        )
        answer = await retrying(model).complete(asked())
        assert [(made.error, made.status) for made in answer.attempts] == [
            ("server", 500),
            ("rate_limit", 429),
            (None, None),
        ]
        assert model.times == [0.0, 1.0, 6.5]

    play(scene)


def test_the_last_error_is_the_outcome_and_carries_the_attempts() -> None:
    async def scene() -> None:
        model = ScriptedModel(TransportError("reset"))
        with pytest.raises(TransportError) as caught:
            await retrying(model).complete(asked())
        assert len(caught.value.attempts) == len(model.calls) == POLICY.attempts
        assert len({id(call.dispatch) for call in model.calls}) == POLICY.attempts

    play(scene)


def test_no_attempt_is_made_that_could_only_begin_after_the_deadline() -> None:
    async def scene() -> None:
        model = ScriptedModel(RateLimitError("429", retry_after_s=30))
        with pytest.raises(RateLimitError) as caught:
            await retrying(model).complete(asked(deadline=10.0))
        assert (len(model.calls), now(), caught.value.retry_after_s) == (1, 0.0, 30)

    play(scene)


def test_fallbacks_are_asked_in_their_order_each_with_tries_of_its_own() -> None:
    async def scene() -> None:
        async def by_provider(call: RoutedCall) -> JsonMap:
            if call.target.provider == "third":
                return response("from the third")
            raise ServerError("500") if call.target.provider == "openai" else AuthError("401")

        model = ScriptedModel(by_provider)
        call = asked(fallbacks=(elsewhere("second"), elsewhere("third")))
        answer = await retrying(model).complete(call)
        assert [made.target for made in answer.attempts] == ["openai/gpt"] * 3 + ["second/gpt", "third/gpt"]
        assert (text_in(answer), answer.target.provider) == ("from the third", "third")

    play(scene)


class Faltering:
    """Streams a start, so many tokens, and an error; then, on the next call, a whole answer."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.calls = 0

    async def complete(self, call: RoutedCall) -> Answer:
        raise AssertionError("this test streams")

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        self.calls += 1
        if self.calls > 1:
            async for item in ScriptedModel().stream(call):
                yield item
            return
        yield {"type": "start", "id": "lost"}
        for _ in range(self.tokens):
            yield {"type": "delta", "delta": {"type": "text", "part_index": 0, "text": "lost"}}
        raise TransportError("reset")


def test_a_stream_that_broke_before_its_first_token_begins_again_unseen() -> None:
    async def scene() -> None:
        events, answer = await streamed(retrying(Faltering(0)), asked())
        assert [event["type"] for event in events] == ["start", "delta", "end"]
        assert events[0]["id"] == "r-1"
        assert [made.error for made in answer.attempts] == ["transport", None]

    play(scene)


def test_a_stream_that_broke_after_a_token_is_never_tried_again() -> None:
    async def scene() -> None:
        model, heard = Faltering(1), list[JsonMap | Answer]()
        with pytest.raises(TransportError):
            await listen(retrying(model), asked(fallbacks=(elsewhere("second"),)), heard)
        assert [item["type"] for item in heard if isinstance(item, dict)] == ["start", "delta"]
        assert model.calls == 1

    play(scene)


@settings(max_examples=40)
@given(failures=st.lists(st.sampled_from(["server", "rate", "reset"]), max_size=8), streams=st.booleans())
def test_any_run_of_passing_failures_ends_in_one_outcome(failures: list[str], streams: bool) -> None:
    kinds: dict[str, GatewayError] = {
        "server": ServerError("500", status=500),
        "rate": RateLimitError("429", retry_after_s=1),
        "reset": TransportError("reset"),
    }

    async def scene() -> None:
        model = ScriptedModel(*[kinds[name] for name in failures], response())
        steps = retrying(model)
        ended: Answer | GatewayError
        try:
            ended = (await streamed(steps, asked()))[1] if streams else await steps.complete(asked())
        except GatewayError as error:
            ended = error
        assert isinstance(ended, Answer) == (len(failures) < POLICY.attempts)
        assert len(ended.attempts) == len(model.calls) == min(len(failures) + 1, POLICY.attempts)
        assert model.open == 0

    play(scene)


def test_a_call_that_is_cancelled_while_it_waits_makes_no_other_attempt() -> None:
    async def scene() -> None:
        model = ScriptedModel(ServerError("500"))
        task = asyncio.create_task(retrying(model).complete(asked()))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(model.calls) == 1

    play(scene)
