"""The decision about a dead child: one clause for each restart type and reason, total, within the limits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.supervision import (
    Backoff,
    ChildSpec,
    CrashReport,
    Death,
    Decision,
    Exited,
    ExitReason,
    Forget,
    GiveUp,
    Hung,
    Intensity,
    Overran,
    ProtocolBroken,
    ReapedElsewhere,
    RecycleCause,
    Recycled,
    Restart,
    RestartHistory,
    Signalled,
    StartAgain,
    StartFailed,
    StoppedByOwner,
    ZygoteLost,
    decide,
)

CRASHES: list[ExitReason] = [
    Exited(1),
    Signalled(9),
    Signalled(15, sent_by_us=True),
    ReapedElsewhere(),
    ProtocolBroken("a length of 4 GiB"),
    StartFailed("no such interpreter"),
    Hung(9.0),
]
ON_PURPOSE: list[ExitReason] = [Recycled(RecycleCause.AGE), Overran("forward", 2.0), ZygoteLost("was killed")]
REASONS = [Exited(0), StoppedByOwner(), *ON_PURPOSE, *CRASHES]

DEATHS = st.builds(
    Death,
    st.sampled_from(["pool.0", "pool.1"]),
    st.integers(1, 6),
    st.sampled_from(REASONS),
    ready_s=st.none() | st.floats(0, 60),
    in_flight=st.sampled_from([(), ("forward",), ("forward", "execute")]),
)


def at_full_jitter() -> float:
    return 1.0


def ask(
    reason: ExitReason,
    *,
    restart: Restart = Restart.PERMANENT,
    generation: int = 1,
    ready_s: float | None = 0.0,
    history: RestartHistory | None = None,
    now_s: float = 100.0,
    max_failed_starts: int = 3,
    intensity: Intensity | None = None,
    in_flight: tuple[str, ...] = (),
) -> Decision:
    return decide(
        ChildSpec("pool.0", None, restart=restart, max_failed_starts=max_failed_starts),
        Death("pool.0", generation, reason, ready_s=ready_s, in_flight=in_flight),
        history or RestartHistory(),
        now_s,
        intensity=intensity or Intensity(),
        backoff=Backoff(base_s=0.5, cap_s=60.0),
        random=at_full_jitter,
    )


def expect_restart(decision: Decision) -> StartAgain:
    assert isinstance(decision, StartAgain)
    return decision


def expect_report(decision: Decision) -> CrashReport:
    assert isinstance(decision, GiveUp)
    return decision.report


@pytest.mark.parametrize("restart", Restart)
def test_what_its_owner_stopped_never_comes_back(restart: Restart) -> None:
    assert ask(StoppedByOwner(), restart=restart) == Forget()


@pytest.mark.parametrize("reason", REASONS, ids=repr)
def test_a_temporary_child_never_comes_back(reason: ExitReason) -> None:
    assert ask(reason, restart=Restart.TEMPORARY) == Forget()


@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
@pytest.mark.parametrize("reason", CRASHES, ids=repr)
def test_a_crash_is_answered_with_a_restart_that_counts(restart: Restart, reason: ExitReason) -> None:
    decision = expect_restart(ask(reason, restart=restart))
    assert decision.after_s == 0.0
    assert [(past.generation, past.exit, past.at_s) for past in decision.history.restarts] == [
        (1, reason, 100.0)
    ]


@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
@pytest.mark.parametrize("reason", ON_PURPOSE, ids=repr)
def test_a_worker_replaced_on_purpose_comes_back_at_once_and_uncounted(
    restart: Restart, reason: ExitReason
) -> None:
    exhausted = Intensity(max_restarts=0)
    assert ask(reason, restart=restart, intensity=exhausted) == StartAgain(0.0, RestartHistory())


@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
@pytest.mark.parametrize("reason", CRASHES, ids=repr)
def test_a_crash_while_serving_calls_is_blamed_on_them_and_counts_for_nothing(
    restart: Restart, reason: ExitReason
) -> None:
    exhausted = Intensity(max_restarts=0)
    decision = ask(reason, restart=restart, intensity=exhausted, in_flight=("forward",))
    assert decision == StartAgain(0.0, RestartHistory())


@pytest.mark.parametrize("reason", CRASHES, ids=repr)
def test_a_crash_before_readiness_counts_whatever_was_sent_to_it(reason: ExitReason) -> None:
    exhausted = Intensity(max_restarts=0)
    expect_report(ask(reason, ready_s=None, intensity=exhausted, in_flight=("forward",)))


def test_a_temporary_child_stays_away_even_when_its_calls_are_to_blame() -> None:
    assert ask(Signalled(11), restart=Restart.TEMPORARY, in_flight=("forward",)) == Forget()


def test_a_normal_exit_ends_a_transient_child() -> None:
    assert ask(Exited(0), restart=Restart.TRANSIENT) == Forget()


def test_a_normal_exit_of_a_permanent_child_counts_as_a_restart() -> None:
    assert len(expect_restart(ask(Exited(0))).history.restarts) == 1


def test_restarts_in_a_row_wait_longer_until_the_intensity_is_exceeded() -> None:
    history = RestartHistory()
    waits: list[float] = []
    for generation in (1, 2, 3):
        decision = expect_restart(
            ask(Signalled(11), generation=generation, history=history, now_s=100.0 + generation)
        )
        waits.append(decision.after_s)
        history = decision.history
    assert waits == [0.0, 0.5, 1.0]
    report = expect_report(ask(Signalled(9), generation=4, history=history, now_s=104.0))
    assert report.limit == "crash 4 within 5 s (limit 3)"
    assert (report.death.exit, report.restarts, report.at_s) == (Signalled(9), history.restarts, 104.0)


def test_crashes_further_apart_than_the_period_are_never_too_many() -> None:
    history = RestartHistory()
    for generation in range(1, 50):
        now_s = generation * 6.0
        decision = ask(Signalled(11), generation=generation, ready_s=5.5, history=history, now_s=now_s)
        assert expect_restart(decision).after_s == 0.0
        history = expect_restart(decision).history


def test_a_child_that_slowly_fails_to_start_is_given_up_although_the_intensity_allows_it() -> None:
    history = RestartHistory()
    for generation in (1, 2, 3):
        now_s = generation * 60.0
        decision = ask(StartFailed("slow"), generation=generation, ready_s=None, history=history, now_s=now_s)
        history = expect_restart(decision).history
    report = expect_report(ask(StartFailed("slow"), generation=4, ready_s=None, history=history, now_s=240.0))
    assert report.limit == "failed start 4 in a row (limit 3)"


def test_a_start_that_succeeded_clears_the_failed_ones() -> None:
    history = RestartHistory()
    for generation in range(1, 40):
        ready_s = 0.1 if generation % 4 == 0 else None
        decision = ask(
            Exited(1), generation=generation, ready_s=ready_s, history=history, now_s=generation * 60.0
        )
        history = expect_restart(decision).history


def test_failing_to_start_even_once_can_be_made_the_end() -> None:
    assert (
        expect_report(ask(Exited(1), ready_s=None, max_failed_starts=0)).limit
        == "failed start 1 in a row (limit 0)"
    )


def test_the_intensity_is_shared_by_all_children() -> None:
    history = RestartHistory()
    for child in ("pool.1", "pool.2", "pool.3"):
        death = Death(child, 1, Signalled(11), ready_s=1.0)
        history = history.add(history.record_of(death, 100.0, stable_s=5.0), at_least=3)
    expect_report(ask(Signalled(11), history=history, now_s=101.0))
    assert expect_restart(ask(Signalled(11), history=history, now_s=106.0)).after_s == 0.0


@given(
    deaths=st.lists(
        st.tuples(st.integers(0, 64).map(lambda sixteenths: sixteenths / 16), DEATHS), max_size=40
    ),
    restart=st.sampled_from(Restart),
    intensity=st.builds(Intensity, st.integers(0, 4), st.sampled_from([0.5, 2.0, 5.0])),
    max_failed_starts=st.integers(0, 4),
    seed=st.integers(0, 2**32),
)
def test_every_death_has_an_answer_and_no_window_more_restarts_than_the_limit(
    deaths: list[tuple[float, Death]],
    restart: Restart,
    intensity: Intensity,
    max_failed_starts: int,
    seed: int,
) -> None:
    history = RestartHistory()
    counted: list[float] = []
    now_s = 0.0
    backoff = Backoff()
    for gap_s, death in deaths:
        now_s += gap_s
        decision = decide(
            ChildSpec(death.child_id, None, restart=restart, max_failed_starts=max_failed_starts),
            death,
            history,
            now_s,
            intensity=intensity,
            backoff=backoff,
            random=random.Random(seed).random,
        )
        match decision:
            case StartAgain(after_s, new_history):
                assert 0.0 <= after_s <= backoff.cap_s
                if new_history != history:
                    assert new_history.restarts[:-1] == history.restarts
                    assert new_history.restarts[-1].failed_starts <= max_failed_starts
                    counted.append(now_s)
                history = new_history
            case Forget():
                assert restart is not Restart.PERMANENT or death.exit == StoppedByOwner()
            case GiveUp(report):
                assert report.death is death
                assert report.restarts == history.restarts
    for end_s in counted:
        assert sum(end_s - intensity.period_s <= at_s <= end_s for at_s in counted) <= intensity.max_restarts


@given(reason=st.sampled_from(REASONS), restart=st.sampled_from(Restart), now_s=st.floats(0, 1e6))
def test_the_same_question_has_the_same_answer(reason: ExitReason, restart: Restart, now_s: float) -> None:
    assert ask(reason, restart=restart, now_s=now_s) == ask(reason, restart=restart, now_s=now_s)
