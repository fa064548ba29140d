"""Cancelling and deadlines: each call ends once, its thread serves on, and nothing lands in the wrong place."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dspash_protocol import ErrorReply, Event, Fault, FaultKind, Progress, Result
from dspash_worker.cancellation import (
    TRANSITIONS,
    CallCancelled,
    CallSignal,
    CallState,
    Cancellation,
    Raised,
    Returned,
)
from dspash_worker.exit import ExitCode

if TYPE_CHECKING:
    from worker.conftest import ShellHost, StartShell


@pytest.fixture
def narrow(start_shell: StartShell) -> ShellHost:
    """A greeted worker that runs one call at a time."""
    host = start_shell("--concurrency", "1")
    host.greet()
    return host


@pytest.mark.parametrize("scene", ["wait", "spin", "ask", "stream", "aask", "ask_from_threads"])
def test_running_call_is_cancelled_wherever_it_stands(shell: ShellHost, scene: str) -> None:
    running = shell.start(scene, threads=4, turns=1)
    shell.cancel(running, "enough")
    fault = shell.fault(running)
    assert (fault.kind, fault.message) == (FaultKind.CANCELLED, "cancelled by the host: enough")
    assert shell.result(shell.play("echo", value="next")) == "next"


def test_queued_call_is_cancelled_at_once_and_never_runs(narrow: ShellHost) -> None:
    running = narrow.start("wait")
    queued = narrow.play("echo")
    behind = narrow.play("echo", value="behind")
    narrow.cancel(queued)
    fault = narrow.fault(queued)
    assert (fault.kind, fault.progress) == (FaultKind.CANCELLED, Progress.SENT)
    narrow.cancel(running)
    assert narrow.fault(running).progress is Progress.STARTED
    assert narrow.result(behind) == "behind"


def test_call_that_waits_for_the_domain_can_be_cancelled(start_shell: StartShell, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    host = start_shell(SCENES_LOAD_GATE=str(gate))
    host.result(host.ask("hello", {"protocol": 1, "heartbeat_s": 0}))
    early = [host.play("echo", value=number) for number in range(3)]
    late = host.play("wait", timeout_ms=1)
    host.cancel(early[1])
    assert host.fault(early[1]).kind is FaultKind.CANCELLED
    assert host.fault(late).kind is FaultKind.TIMEOUT
    gate.touch()
    assert [host.result(early[0]), host.result(early[2])] == [0, 2]


@pytest.mark.parametrize("scene", ["wait", "spin", "ask", "stream", "aask"])
def test_deadline_ends_a_running_call(shell: ShellHost, scene: str) -> None:
    fault = shell.fault(shell.play(scene, timeout_ms=30))
    assert fault.kind is FaultKind.TIMEOUT
    assert "30 ms" in fault.message
    shell.roundtrip()


def test_deadline_counts_from_receipt_and_ends_a_queued_call(narrow: ShellHost) -> None:
    running = narrow.start("wait")
    fault = narrow.fault(narrow.play("echo", timeout_ms=20))
    assert (fault.kind, fault.progress) == (FaultKind.TIMEOUT, Progress.SENT)
    narrow.cancel(running)
    assert narrow.fault(running).kind is FaultKind.CANCELLED


def test_deadline_of_no_time_at_all_ends_the_call(shell: ShellHost) -> None:
    assert shell.fault(shell.play("wait", timeout_ms=0)).kind is FaultKind.TIMEOUT


def test_call_knows_how_much_time_is_left(shell: ShellHost) -> None:
    assert 0 < shell.result(shell.play("mode", timeout_ms=60_000))["remaining_s"] <= 60
    assert shell.result(shell.play("mode"))["remaining_s"] is None


def test_user_code_that_swallows_cancellations_is_cancelled_again(shell: ShellHost) -> None:
    """Its result does not count: it was made, perhaps, of what the cancellation broke."""
    swallowing = shell.start("swallow", times=3)
    shell.cancel(swallowing)
    assert shell.fault(swallowing).kind is FaultKind.CANCELLED
    assert shell.result(shell.play("collect")) == ["swallowed"] * 3


def test_ask_after_a_cancellation_raises_again_and_is_never_sent(shell: ShellHost) -> None:
    stubborn = shell.play("ask_and_catch", times=3)
    asked = shell.request()
    shell.cancel(stubborn)
    assert shell.fault(stubborn).kind is FaultKind.CANCELLED
    assert shell.result(shell.play("collect")) == ["caught"] * 3
    shell.roundtrip()
    cancels = [message for message in shell.unasked if not isinstance(message, Event)]
    assert [message.id for message in cancels] == [asked.id]  # type: ignore[union-attr]


def test_call_stuck_in_c_has_no_answer_and_holds_up_nobody_else(untraced_shell: ShellHost) -> None:
    stuck = untraced_shell.start("stuck_in_c", timeout_ms=60)
    other = untraced_shell.play("wait", timeout_ms=60)
    assert untraced_shell.fault(other).kind is FaultKind.TIMEOUT
    untraced_shell.roundtrip()
    assert stuck not in untraced_shell.replies
    untraced_shell.close()
    assert untraced_shell.exit_code() == ExitCode.DONE


def test_second_cancel_and_cancel_after_the_end_change_nothing(shell: ShellHost) -> None:
    running = shell.start("wait")
    shell.cancel(running, "first")
    shell.cancel(running, "second")
    assert shell.fault(running).message == "cancelled by the host: first"
    shell.cancel(running, "third")
    shell.roundtrip()
    assert shell.unasked == []


def test_thread_that_outlives_its_call_can_neither_ask_nor_emit(shell: ShellHost) -> None:
    left = shell.play("leave_thread")
    asked, of_the_call = sorted(
        (shell.request(), shell.request()), key=lambda request: request.command, reverse=True
    )
    shell.send(Result(of_the_call.id, None))
    assert shell.result(left) == "left"
    assert shell.result(shell.play("collect")) == ["CallCancelled", "CallCancelled"]
    shell.roundtrip()
    withdrawn = [message for message in shell.unasked if not isinstance(message, Event)]
    assert [message.id for message in withdrawn] == [asked.id]  # type: ignore[union-attr]
    assert shell.events(left) == []


def test_cancel_racing_with_the_end_gives_each_call_one_answer_and_hurts_no_other(narrow: ShellHost) -> None:
    """The calls share one thread, so an exception that landed late would end the innocent call behind."""
    rng = random.Random(13)
    won = 0
    for number in range(400):
        racing = narrow.play("race", us=rng.randrange(400))
        behind = narrow.play("echo", value=number)
        for _ in range(rng.randrange(3)):
            narrow.roundtrip()
        narrow.cancel(racing)
        assert narrow.result(behind) == number
        if isinstance(answer := narrow.reply(racing), ErrorReply):
            assert answer.fault.kind is FaultKind.CANCELLED
        won += isinstance(answer, Result)
    assert 0 < won < 400


# --- the state and the gate by themselves ---


def test_state_table_leads_every_call_to_one_end() -> None:
    assert set(TRANSITIONS) == set(CallState)
    assert TRANSITIONS[CallState.DONE] == {}
    for state, ways in TRANSITIONS.items():
        assert (CallSignal.END in ways) is (state in (CallState.RUNNING, CallState.CANCELLING))
        assert (CallSignal.CANCEL in ways) is (state in (CallState.QUEUED, CallState.RUNNING))
        assert (CallSignal.START in ways) is (state is CallState.QUEUED)


def test_injection_lands_inside_the_work_or_nowhere() -> None:
    """Thousands of calls on one thread, each injected into as hard as possible at a random moment."""
    rng = random.Random(7)
    cause = Fault(FaultKind.CANCELLED, "stop")
    current: list[Cancellation] = []
    stop = threading.Event()

    def harass() -> None:
        while not stop.is_set():
            if current:
                target = current[-1]
                target.request(cause)
                target.inject()

    def work(steps: int) -> int:
        total = 0
        for step in range(steps):
            total += step
        return total

    harasser = threading.Thread(target=harass)
    harasser.start()
    outcomes = {"returned": 0, "cancelled": 0, "never began": 0}
    try:
        for _ in range(4000):
            cancellation = Cancellation()
            current.append(cancellation)
            steps = rng.randrange(2000)
            outcome = cancellation.run(lambda steps=steps: work(steps))
            # Whatever was injected late would be raised in these lines.
            match outcome:
                case Returned(value):
                    assert value == sum(range(steps))
                    outcomes["returned"] += 1
                case Raised(error):
                    assert isinstance(error, CallCancelled)
                    outcomes["cancelled"] += 1
                case None:
                    outcomes["never began"] += 1
            assert cancellation.state is CallState.DONE
            current.clear()
    finally:
        stop.set()
        harasser.join()
    assert outcomes["cancelled"] > 0
    assert sum(outcomes.values()) == 4000


def test_nothing_is_injected_into_the_workers_own_code() -> None:
    cancellation = Cancellation()
    inside, injected = threading.Event(), threading.Event()
    reached: list[str] = []

    def work() -> None:
        with cancellation, cancellation:
            inside.set()
            assert injected.wait(5)
            reached.append("end of own code")
        while True:
            pass

    def inject() -> None:
        assert inside.wait(5)
        cancellation.request(Fault(FaultKind.CANCELLED, "stop"))
        for _ in range(100):
            cancellation.inject()
        injected.set()
        while cancellation.state is not CallState.DONE:
            cancellation.inject()

    injector = threading.Thread(target=inject)
    injector.start()
    outcome = cancellation.run(work)
    injector.join()
    assert reached == ["end of own code"]
    assert isinstance(outcome, Raised)
    assert isinstance(outcome.error, CallCancelled)


def test_error_of_the_work_is_kept_when_nothing_is_cancelled() -> None:
    cancellation = Cancellation()

    def work() -> None:
        raise SystemExit(3)

    outcome = cancellation.run(work)
    assert isinstance(outcome, Raised)
    assert isinstance(outcome.error, SystemExit)
    with pytest.raises(CallCancelled, match="has ended"):
        cancellation.check()
