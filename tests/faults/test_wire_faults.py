"""Faults that a worker commits on the wire: each costs its own call at most, and never the host or a sibling.

The workers here are fake: a real one has to be broken first to misbehave so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from dspash.bridge import Ask, Call
from dspash.errors import (
    CallTimeoutError,
    DspashError,
    FrameTooLargeError,
    InvalidRequestError,
    OverloadedError,
    WorkerLostError,
)
from dspash.supervision import Intensity, ProtocolBroken, Recycled, RecyclingLimits, Signalled
from dspash_protocol import Progress, ReverseCommand
from tests.bridge.conftest import Host, OpenBridge
from tests.leaks import wait_until

pytestmark = pytest.mark.usefixtures("leaves_nothing")

BOUND_S = 10.0
PATIENT = Intensity(max_restarts=100, period_s=60.0)
SPIN = "import time\nwhile True: time.sleep(0.01)"


def error_of(call: Call) -> DspashError:
    error = call.future.exception(BOUND_S)
    assert isinstance(error, DspashError)
    return error


def assert_serves(host: Host) -> None:
    assert host.call("ping", {"payload": "still here"}) == {"payload": "still here"}


def kill(host: Host) -> None:
    os.kill(host.pids[0], signal.SIGKILL)


def test_stray_bytes_behind_a_reply_cost_the_worker_and_not_that_reply(open_bridge: OpenBridge) -> None:
    """Fault 1: text in the stream of frames. What came before it was whole."""
    host = open_bridge(intensity=PATIENT)
    host.define("spin", SPIN)
    spinning = host.start("spin")
    assert host.call("fake.stray") == "before the noise"
    error = error_of(spinning)
    assert isinstance(error, WorkerLostError)
    assert isinstance(error.exit, ProtocolBroken)
    assert "Hello, I am a library banner" not in host.call("list")["told"]
    assert_serves(host)


def test_a_child_that_holds_the_pipe_does_not_hide_its_parents_death(open_bridge: OpenBridge) -> None:
    """Fault 2: the end of the stream never comes; the process's own end is seen all the same."""
    host = open_bridge(intensity=PATIENT, contain=False)
    child = host.call("fake.hold_pipe")
    wait_until(lambda: host.bridge.status().restarts == 1, "the death to be seen")
    assert_serves(host)
    wait_until(lambda: not psutil.pid_exists(child), "what it left behind to be gone")


def test_stderr_that_fills_many_pipes_is_read_and_its_end_kept(open_bridge: OpenBridge) -> None:
    """Fault 3: a worker that nobody reads from stops at 64 KiB."""
    host = open_bridge(intensity=PATIENT)
    assert host.call("fake.flood_stderr") == "written"
    error = error_of(host.submit("fake.die"))
    assert isinstance(error, WorkerLostError)
    assert error.stderr_tail.splitlines()[-2:] == ["line 19999", "the last word"]


@pytest.mark.parametrize("length", [1, 3, 4, 5, 100, 900])
def test_a_frame_that_ends_early_is_one_lost_worker_wherever_it_ends(
    open_bridge: OpenBridge, length: int
) -> None:
    """Fault 4: the end inside the header, right behind it, and inside the body."""
    host = open_bridge(intensity=PATIENT)
    error = error_of(host.submit("fake.half_frame", {"bytes": length}))
    assert isinstance(error, WorkerLostError)
    assert error.exit == Signalled(signal.SIGKILL)
    assert_serves(host)


def test_a_malformed_reply_fails_its_call_and_no_other(open_bridge: OpenBridge) -> None:
    """Fault 5: a number that is none, in a whole frame that says whose it is."""
    host = open_bridge()
    host.define("spin", SPIN)
    spinning = host.start("spin")
    error = error_of(host.submit("fake.malformed"))
    assert isinstance(error, InvalidRequestError)
    assert "$.result" in str(error)
    assert not spinning.has_ended
    spinning.cancel("enough")
    assert host.bridge.status().restarts == 0


def test_a_reply_over_the_limit_fails_its_call_and_no_other(open_bridge: OpenBridge) -> None:
    """Fault 5: a length that is announced and not allowed; the bytes are skipped, and the stream stays in step."""
    host = open_bridge(max_frame=100_000)
    host.define("spin", SPIN)
    spinning = host.start("spin")
    error = error_of(host.submit("fake.oversized", {"bytes": 300_000}))
    assert isinstance(error, FrameTooLargeError)
    assert error.limit == 100_000
    assert error.size > 300_000
    assert not spinning.has_ended
    spinning.cancel("enough")
    assert_serves(host)


def test_a_frame_that_nobody_can_be_told_of_costs_the_worker(open_bridge: OpenBridge) -> None:
    """Fault 5: it may have been any call's answer."""
    host = open_bridge(intensity=PATIENT)
    error = error_of(host.submit("fake.unattributable"))
    assert isinstance(error, WorkerLostError)
    assert isinstance(error.exit, ProtocolBroken)
    assert_serves(host)


def test_a_malformed_question_of_a_worker_is_answered_with_a_fault(open_bridge: OpenBridge) -> None:
    """Fault 5, the other way round: the worker asks something that is no request."""
    host = open_bridge()
    assert host.call("fake.break_ask") == "invalid_request"
    assert_serves(host)


def test_a_worker_that_could_not_read_the_host_is_replaced(open_bridge: OpenBridge) -> None:
    """Fault 5: what it missed may have been any call."""
    host = open_bridge(intensity=PATIENT)
    error = error_of(host.submit("fake.complain"))
    assert "could not read a frame of ours" in str(error)
    assert_serves(host)


def test_a_worker_that_does_not_read_while_it_writes_blocks_nobody(open_bridge: OpenBridge) -> None:
    """Fault 6: both directions full at once."""
    host = open_bridge()
    floods = [host.submit("fake.echo_slowly", {"count": 8, "bytes": 1 << 20}) for _ in range(2)]
    echoes = [host.submit("ping", {"payload": "x" * (3 << 20)}) for _ in range(4)]
    for call in (*floods, *echoes):
        call.wait()
    assert host.bridge.status().restarts == 0


def test_a_second_reply_and_one_that_nobody_asked_for_are_counted_and_dropped(
    open_bridge: OpenBridge,
) -> None:
    """Fault 8: neither satisfies any other call, before or after."""
    host = open_bridge()
    pings = [host.submit("ping", {"payload": number}) for number in range(20)]
    assert host.call("fake.twice") == "once"
    assert host.call("fake.unknown") == "mine"
    pings += [host.submit("ping", {"payload": number}) for number in range(20, 40)]
    assert [call.wait()["payload"] for call in pings] == list(range(40))
    status = host.bridge.status()
    assert (status.unmatched_replies, status.restarts) == (2, 0)


def test_a_reply_of_an_earlier_generation_is_no_answer_to_a_later_one(open_bridge: OpenBridge) -> None:
    """Fault 8: ids start anew with each generation, and so does the table they are looked up in."""
    host = open_bridge(intensity=PATIENT)
    for round_ in range(5):
        assert_serves(host)
        call = host.submit("ping", {"payload": round_})
        kill_quietly(host)
        with contextlib.suppress(WorkerLostError):
            assert call.wait() == {"payload": round_}
        wait_until(lambda round_=round_: host.bridge.status().restarts > round_, "the death to be seen")
        assert host.call("ping", {"payload": ["after", round_]}) == {"payload": ["after", round_]}


def kill_quietly(host: Host) -> None:
    with contextlib.suppress(ProcessLookupError, IndexError):
        kill(host)


PHASES: dict[str, Callable[[Host], list[Call]]] = {
    "booting": lambda host: [host.submit("ping")],
    "idle": lambda host: [],
    "acknowledged": lambda host: [host.submit("fake.stop_reading", {"seconds": 60}), host.submit("ping")],
    "running": lambda host: [host.start("spin"), host.start("spin")],
    "asking": lambda host: [host.start("holding")],
    "writing": lambda host: [host.submit("fake.echo_slowly", {"count": 1000, "bytes": 1 << 18})],
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_death_in_any_phase_is_one_outcome_for_each_call_and_none_for_a_sibling(
    open_bridge: OpenBridge, phase: str, death: signal.Signals
) -> None:
    """Fault 9. The sibling's call runs on through it all."""
    held, go_on = threading.Event(), threading.Event()

    def hold(_ask: Ask) -> str:
        held.set()
        go_on.wait(BOUND_S)
        return "held"

    host = open_bridge(intensity=PATIENT, handlers={ReverseCommand.TOOL_CALL: hold})
    sibling = open_bridge()
    sibling.define(
        "long",
        "import time\nend = time.monotonic() + 0.3\nwhile time.monotonic() < end: time.sleep(0.01)\nresult = {'ok': 1}",
    )
    long = sibling.start("long")
    if phase != "booting":
        host.define("spin", SPIN)
        host.define("holding", "result = {'value': hold()}", "hold")
    calls = PHASES[phase](host)
    outcomes: list[Any] = []
    for call in calls:
        call.future.add_done_callback(outcomes.append)
    if phase == "asking":
        assert held.wait(BOUND_S)
    elif phase != "booting":
        wait_until(lambda: all(call.progress is not Progress.NOT_SENT for call in calls), "all to be sent")
    wait_until(lambda: host.pids, "a process")
    progress: list[Progress] = []
    with contextlib.suppress(ProcessLookupError):
        os.kill(host.pids[0], death)
    for call in calls:
        try:
            assert call.wait() == {"payload": None}  # it was faster, or was served by the next generation
        except WorkerLostError as lost:
            progress.append(lost.progress)
    assert len(outcomes) == len(calls)
    assert progress == [Progress.SIDE_EFFECTS] or phase != "asking"
    wait_until(lambda: host.bridge.status().restarts == 1, "the death to be seen")
    assert_serves(host)
    assert long.wait()["fields"] == {"ok": 1}
    go_on.set()


def test_a_death_while_draining_is_told_to_the_calls_it_had_and_to_no_new_ones(
    open_bridge: OpenBridge,
) -> None:
    """Fault 9: a worker that is being recycled dies before its last call ends."""
    host = open_bridge(concurrency=2, recycling=RecyclingLimits(max_calls=4), retire_grace_s=BOUND_S)
    host.define("spin", SPIN)
    spinning = host.start("spin")
    old = host.pids[0]
    served = 0
    while host.bridge.status().workers[0].generation == 1:
        assert_serves(host)
        served += 1
    os.kill(old, signal.SIGKILL)
    error = error_of(spinning)
    assert isinstance(error, WorkerLostError)
    assert isinstance(error.exit, Recycled)
    assert error.generation == 1
    assert_serves(host)
    assert served


def test_a_worker_that_closes_its_pipe_and_lives_on_is_ended(open_bridge: OpenBridge) -> None:
    """Fault 12: nobody is left that it could serve."""
    host = open_bridge(intensity=PATIENT)
    pids = host.pids
    error = error_of(host.submit("fake.close_pipe"))
    assert isinstance(error, WorkerLostError)
    assert "closed its end of the pipe and lived on" in str(error)
    assert_serves(host)
    assert not set(pids) & set(host.pids)


def test_a_daemon_of_a_dead_worker_is_found_and_ended_without_a_namespace(open_bridge: OpenBridge) -> None:
    """Fault 12: a grandchild in a session of its own, where no namespace holds it."""
    host = open_bridge(intensity=PATIENT, contain=False)
    daemon = host.call("fake.daemon")
    assert os.getsid(daemon) == daemon
    kill(host)
    wait_until(lambda: not psutil.pid_exists(daemon), "the daemon to be gone")
    assert_serves(host)
    other = host.call("fake.daemon")
    host.bridge.close()
    wait_until(lambda: not psutil.pid_exists(other), "the other daemon to be gone")


def test_a_cancel_and_a_reply_that_cross_leave_one_outcome(open_bridge: OpenBridge) -> None:
    """Fault 13: whichever is first; the slot is free either way."""
    host = open_bridge(concurrency=4)
    host.define("quick", "result = {'value': x}")
    won = {"reply": 0, "cancel": 0}
    for x in range(200):
        call = host.start("quick", x=x)
        outcomes: list[Any] = []
        call.future.add_done_callback(outcomes.append)
        if x % 2:
            threading.Thread(target=call.cancel, args=("now",), daemon=True).start()
        try:
            assert call.wait()["fields"] == {"value": x}
            won["reply"] += 1
        except DspashError:
            won["cancel"] += 1
        assert len(outcomes) == 1
    assert won["reply"] >= 100
    wait_until(lambda: host.bridge.status().running == 0, "every slot to be free")
    assert host.bridge.status().restarts == 0


def test_tools_that_call_back_have_no_more_time_than_the_call_they_serve(open_bridge: OpenBridge) -> None:
    """Fault 14: what is called on behalf of a call ends with it."""
    errors: list[BaseException] = []

    def tool(_ask: Ask) -> None:
        try:
            host.submit("execute", {"program_id": "spin", "inputs": {}}, timeout_s=3600).wait()
        except DspashError as error:
            errors.append(error)

    host = open_bridge(concurrency=1, handlers={ReverseCommand.TOOL_CALL: tool})
    host.define("spin", SPIN)
    host.define("asking", "result = {'value': t()}", "t")
    with pytest.raises(CallTimeoutError):
        host.submit("execute", {"program_id": "asking", "inputs": {}}, timeout_s=0.2).wait()
    wait_until(lambda: errors, "the call on its behalf to end")
    assert isinstance(errors[0], CallTimeoutError)
    assert_serves(host)


def test_a_thread_that_a_tool_starts_has_a_deadline_like_anybody(open_bridge: OpenBridge) -> None:
    """Fault 14: on a thread of its own nobody can tell on whose behalf it calls; it waits for a slot, not for ever."""
    found: list[BaseException | None] = []

    def tool(_ask: Ask) -> str:
        def call_from_elsewhere() -> None:
            args = {"program_id": "asking", "inputs": {}}
            found.append(host.submit("execute", args, timeout_s=0.2).future.exception(BOUND_S))

        thread = threading.Thread(target=call_from_elsewhere, daemon=True)
        thread.start()
        thread.join(BOUND_S)
        return "went on"

    host = open_bridge(concurrency=1, handlers={ReverseCommand.TOOL_CALL: tool})
    host.define("asking", "result = {'value': t()}", "t")
    assert host.run("asking") == {"value": "went on"}
    assert isinstance(found[0], CallTimeoutError)


def test_too_many_requests_of_workers_are_refused_and_not_queued(
    open_bridge: OpenBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 14: tools that call programs that call tools, without end."""
    monkeypatch.setattr("dspash.bridge.ask_server.ElasticThreads.start", lambda _self, _job, **_terms: False)
    host = open_bridge(handlers={ReverseCommand.TOOL_CALL: lambda _ask: None})
    host.define("asking", "result = {'value': t()}", "t")
    error = error_of(host.start("asking"))
    assert "too many requests of workers" in str(error)
    assert error.retryable
    assert not isinstance(error, OverloadedError)


@pytest.mark.slow
def test_hundreds_of_deaths_leave_no_zombie_and_no_descriptor(open_bridge: OpenBridge) -> None:
    """Fault 16: every worker is reaped, and all that it held let go."""
    host = open_bridge(intensity=PATIENT)
    assert_serves(host)
    descriptors = psutil.Process().num_fds()
    for _ in range(40):
        error_of(host.submit("fake.leave", {"code": 3}))
    assert_serves(host)
    zombies = [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]
    assert zombies == []
    wait_until(lambda: psutil.Process().num_fds() <= descriptors, "descriptors to be given back")
    assert host.bridge.status().restarts == 40
