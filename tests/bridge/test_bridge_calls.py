"""A call has one outcome, whoever is first; its future is one that any code can wait for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import random
import threading
from collections.abc import Callable

import pytest

from dspash.bridge.call import Call, CallOptions, delivering, is_delivering
from dspash.errors import (
    CallCancelledError,
    CallTimeoutError,
    ClosedError,
    ConfigurationError,
    OverloadedError,
    ReentrancyError,
)
from dspash_protocol import Event, EventKind, Progress

BOUND_S = 10.0

ENDINGS: dict[str, Callable[[Call], bool]] = {
    "succeed": lambda call: call.succeed("value"),
    "fail": lambda call: call.fail(ValueError("broken")),
    "give_up": lambda call: call.give_up(OverloadedError(queued=1, limit=1), "too much"),
    "time_out": lambda call: call.time_out(),
    "cancel": lambda call: call.cancel("no interest"),
    "future.cancel": lambda call: call.future.cancel(),
}


def make_call(timeout_s: float = 60.0, not_after: float = math.inf) -> Call:
    return Call("forward", {}, CallOptions(timeout_s), not_after=not_after)


@pytest.mark.parametrize("second", ENDINGS)
@pytest.mark.parametrize("first", ENDINGS)
def test_the_first_ending_counts_and_every_other_is_without_effect(first: str, second: str) -> None:
    call = make_call()
    ended: list[Call] = []
    abandoned: list[str] = []
    told: list[object] = []
    call.on_end = ended.append
    call.on_abandon = lambda _call, reason: abandoned.append(reason)
    call.future.add_done_callback(told.append)
    assert ENDINGS[first](call)
    outcome = (call.future.cancelled(), str(call.future.exception()) if not call.future.cancelled() else "")
    before = list(abandoned)
    is_cancelled_again = (first, second) in {("cancel", "future.cancel"), ("future.cancel", "future.cancel")}
    assert ENDINGS[second](call) is is_cancelled_again  # as every future says of its cancel
    assert outcome == (
        call.future.cancelled(),
        str(call.future.exception()) if not call.future.cancelled() else "",
    )
    assert (ended, abandoned, told) == ([call], before, [call.future])
    assert bool(before) is (first in {"give_up", "time_out", "cancel", "future.cancel"})


def test_of_many_threads_that_end_a_call_exactly_one_does() -> None:
    for seed in range(200):
        call = make_call()
        endings = random.Random(seed).choices(["succeed", "fail", "time_out", "cancel"], k=4)
        ended: list[Call] = []
        won: list[str] = []
        call.on_end = ended.append
        start = threading.Barrier(len(endings))

        def end(name: str, call: Call = call, start: threading.Barrier = start, won: list[str] = won) -> None:
            start.wait(BOUND_S)
            if ENDINGS[name](call):
                won.append(name)

        threads = [threading.Thread(target=end, args=(name,), daemon=True) for name in endings]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND_S)
        assert len(won) == len(ended) == 1
        assert call.future.cancelled() is (won == ["cancel"])


def test_a_cancelled_call_raises_an_error_of_ours_that_is_also_everybodys() -> None:
    call = make_call()
    call.reach(Progress.STARTED)
    call.cancel("changed my mind")
    for wait in (call.future.result, call.future.exception, call.wait):
        with pytest.raises(CallCancelledError) as raised:
            wait()
        assert isinstance(raised.value, concurrent.futures.CancelledError)
        assert (raised.value.reason, raised.value.progress) == ("changed my mind", Progress.STARTED)


def test_the_futures_of_calls_can_be_waited_for_together() -> None:
    calls = [make_call() for _ in range(4)]
    for call, ending in zip(calls, ("succeed", "fail", "cancel"), strict=False):
        ENDINGS[ending](call)
    futures = [call.future for call in calls]
    done, open_ones = concurrent.futures.wait(futures, timeout=0, return_when="ALL_COMPLETED")
    assert (len(done), open_ones) == (3, {calls[3].future})
    timer = threading.Timer(0.01, calls[3].cancel, ("late",))
    timer.start()
    assert set(concurrent.futures.as_completed(futures, timeout=BOUND_S)) == set(futures)
    timer.join(BOUND_S)


def test_an_awaited_call_is_cancelled_with_its_task_and_the_other_way_round() -> None:
    async def scene() -> None:
        call = make_call()
        waiting = asyncio.ensure_future(asyncio.wrap_future(call.future))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)
        assert call.future.cancelled()
        other = make_call()
        other.cancel("from elsewhere")
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wrap_future(other.future)

    asyncio.run(scene())


def test_a_definition_is_recorded_before_its_caller_hears_of_it_and_never_after_it_ended() -> None:
    order: list[str] = []

    def record(_call: Call, error: BaseException | None) -> None:
        order.append("recorded" if error is None else "told of its end")

    call = make_call()
    call.on_outcome = record
    call.future.add_done_callback(lambda _future: order.append("heard"))
    call.succeed(1)
    assert order == ["recorded", "heard"]
    late = make_call()
    late.on_outcome = record
    late.time_out()
    late.succeed(1)
    assert order == ["recorded", "heard", "told of its end"]


def test_whoever_is_told_of_an_outcome_first_may_say_better_what_it_was() -> None:
    call = make_call()
    call.on_outcome = lambda _call, _error: ClosedError("app")
    assert call.succeed(1)
    assert isinstance(call.future.exception(), ClosedError)


def test_waiting_in_a_callback_is_refused_and_reading_an_outcome_there_is_not() -> None:
    call, done = make_call(), make_call()
    done.succeed("there")
    with delivering():
        assert is_delivering()
        with pytest.raises(ReentrancyError):
            call.future.result()
        with pytest.raises(ReentrancyError):
            call.future.exception(timeout=1)
        assert done.future.result() == "there"
    assert not is_delivering()


def test_a_wait_that_is_interrupted_cancels_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    call = make_call()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(call.future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call.wait()
    assert call.future.cancelled()


def test_a_future_does_not_keep_its_call_once_it_has_ended() -> None:
    call = make_call()
    call.succeed(1)
    assert call.future._call is None
    assert call.future.cancel() is False


def test_a_call_on_behalf_of_another_ends_with_that_one_and_says_what_time_it_had() -> None:
    late = make_call(60.0, not_after=0.0)
    assert late.remaining_s() <= 0
    late.time_out()
    error = late.future.exception()
    assert isinstance(error, CallTimeoutError)
    assert error.timeout_s == 0.0


@pytest.mark.parametrize("timeout_s", [0, -1, math.nan])
def test_a_call_without_time_is_refused(timeout_s: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout_s"):
        CallOptions(timeout_s)


def test_events_say_that_a_call_has_started_and_stop_with_it() -> None:
    seen: list[Event] = []
    call = Call("forward", {}, CallOptions(60.0, on_event=seen.append))
    events = [Event(1, EventKind.STARTED, 0, None), Event(1, EventKind.ITEM, 1, "a piece")]
    call.receive(events[0])
    assert call.progress is Progress.STARTED
    call.reach(Progress.SIDE_EFFECTS)
    call.receive(events[1])
    assert call.progress is Progress.SIDE_EFFECTS
    call.succeed(None)
    call.receive(events[1])
    assert seen == events
