"""Restarts: what a death costs, what the next generation knows, and when enough is enough."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dspash.errors import BridgeError, InvalidInputError, SupervisorGaveUpError, WorkerLostError
from dspash.supervision import Backoff, Intensity, LivenessLimits
from dspash_protocol import Progress
from tests.bridge.conftest import BOUND_S, SPIN, OpenBridge, in_thread, outcome
from tests.leaks import children, wait_until


def test_a_death_fails_the_calls_it_was_serving_and_the_next_are_served(open_bridge: OpenBridge) -> None:
    host = open_bridge(concurrency=2)
    host.define("spin", SPIN)
    spinning = [host.start("spin") for _ in range(2)]
    waiting = host.start("spin")
    wait_until(lambda: all(call.progress is not Progress.NOT_SENT for call in spinning), "both to be sent")
    os.kill(host.pids[0], signal.SIGKILL)
    for call in spinning:
        error = call.future.exception(BOUND_S)
        assert isinstance(error, WorkerLostError)
        assert (error.generation, error.request, error.progress) == (1, "execute", Progress.SENT)
    assert host.call("ping", {"payload": "after"}) == {"payload": "after"}
    wait_until(
        lambda: waiting.progress is Progress.SENT, "the waiting call to be sent to the next generation"
    )
    waiting.cancel("enough")
    assert host.generation == 2


def test_the_last_words_on_stderr_reach_the_error(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    for _ in range(5):
        error = outcome(lambda: host.call("fake.die"))
        assert isinstance(error, WorkerLostError)
        assert error.stderr_tail.endswith("the last word")


def test_a_fresh_worker_knows_all_that_was_defined_before_it_serves(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    host.define("old", "result = {'value': 'old'}")
    host.define("gone", "result = {'value': 'gone'}")
    host.call("delete", {"id": "gone"})
    host.define("old", "result = {'value': 'new'}")
    host.call("load_state", {"id": "old", "state": {}})
    outcome(lambda: host.call("fake.die"))
    assert host.run("old") == {"value": "new"}
    told = host.call("list")["told"]
    assert [entry[:2] for entry in told] == [["create_program", "old"], ["load_state", "old"]]


def test_other_workers_are_told_what_one_has_accepted(open_bridge: OpenBridge) -> None:
    host = open_bridge(workers=3, concurrency=1)
    host.wait_until_serving(3)
    host.define(
        "p", "import sys\nsys.who = getattr(sys, 'who', None) or str(object())\nresult = {'who': sys.who}"
    )
    workers = {
        host.submit("execute", {"program_id": "p", "inputs": {}}, sticky=str(key)).wait()["fields"]["who"]
        for key in range(20)
    }
    assert len(workers) == 3


def test_what_a_worker_refuses_is_told_to_nobody_else(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    with pytest.raises(InvalidInputError):
        host.call("create_program", {"id": "bad", "refused": True})
    outcome(lambda: host.call("fake.die"))
    assert host.call("list")["told"] == []


def test_changing_a_definition_after_it_was_sent_changes_nothing(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    args = {"id": "p", "forward_fn": "result = {'value': 1}", "tools": []}
    host.call("create_program", args)
    args["forward_fn"] = "result = {'value': 2}"
    outcome(lambda: host.call("fake.die"))
    assert host.run("p") == {"value": 1}


def test_crashes_that_calls_are_to_blame_for_are_never_too_many(open_bridge: OpenBridge) -> None:
    host = open_bridge(intensity=Intensity(max_restarts=1, period_s=60.0))
    for _ in range(6):
        assert isinstance(outcome(lambda: host.call("fake.die")), WorkerLostError)
    assert host.call("ping") == {"payload": None}


def test_crashes_with_nothing_to_do_are_too_many_soon(open_bridge: OpenBridge) -> None:
    host = open_bridge(intensity=Intensity(max_restarts=2, period_s=60.0))
    for number in range(1, 4):
        wait_until(lambda number=number: host.generation == number, f"generation {number}")
        host.wait_until_serving()
        os.kill(host.pids[0], signal.SIGKILL)
    wait_until(lambda: host.bridge.status().gave_up, "the supervisor to give up")
    with pytest.raises(SupervisorGaveUpError) as gave_up:
        host.call("ping")
    assert "crash 3 within 60 s (limit 2)" in str(gave_up.value)


def test_a_worker_that_cannot_start_fails_those_who_wait_with_the_real_cause(open_bridge: OpenBridge) -> None:
    host = open_bridge(environment={"FAKE_BOOT": "crash"}, max_queue=2, backoff=Backoff(base_s=0.001))
    calls = [host.submit("ping") for _ in range(2)]
    thread, found = in_thread(lambda: host.call("ping", timeout_s=3600))  # waits for a place in the queue
    errors = [call.future.exception(BOUND_S) for call in calls]
    thread.join(BOUND_S)
    for error in (*errors, *found):
        assert isinstance(error, SupervisorGaveUpError)
        report = error.report.render()
        assert "ImportError: no module named dspy" in report
        assert "exited with status 5" in report
    assert len({id(error) for error in errors}) == 2  # each caller has an error of its own
    assert children() == []


@pytest.mark.parametrize("zygote", [False, True])
def test_whatever_keeps_a_worker_from_starting_is_told_to_those_who_wait(
    open_bridge: OpenBridge, zygote: bool
) -> None:
    host = open_bridge(environment={"ODD": "\ud800"}, zygote=zygote, backoff=Backoff(base_s=0.001))
    with pytest.raises(SupervisorGaveUpError, match=r"could not be spawned: .* encode character"):
        host.call("ping", timeout_s=3600)


@pytest.mark.parametrize(
    ("boot", "cause"), [("hang", "not ready within 0.2 s"), ("refuse", "refused the handshake")]
)
def test_a_worker_that_is_alive_and_never_ready_is_replaced_and_given_up(
    open_bridge: OpenBridge, boot: str, cause: str
) -> None:
    host = open_bridge(
        environment={"FAKE_BOOT": boot},
        liveness=LivenessLimits(boot_timeout_s=0.2),
        intensity=Intensity(max_restarts=0),
    )
    with pytest.raises(SupervisorGaveUpError, match=cause):
        host.call("ping")


def test_a_worker_that_falls_silent_and_does_nothing_is_replaced(open_bridge: OpenBridge) -> None:
    host = open_bridge(liveness=LivenessLimits(heartbeat_s=0.05, missed=2), intensity=Intensity(5, 60.0))
    host.call("fake.silent")
    call = host.submit("fake.stop_reading", {"seconds": 60})
    error = call.future.exception(BOUND_S)
    assert isinstance(error, WorkerLostError)
    assert "hung: no sign of life" in str(error)
    assert host.call("ping") == {"payload": None}


def test_a_worker_that_is_silent_but_works_is_left_alone(open_bridge: OpenBridge) -> None:
    host = open_bridge(liveness=LivenessLimits(heartbeat_s=0.05, missed=2))
    host.define(
        "busy",
        "import time\nend = time.monotonic() + seconds\nwhile time.monotonic() < end: sum(range(10**6))\nresult = {}",
    )
    host.call("fake.silent")
    assert host.run("busy", seconds=2.5) == {}
    assert host.generation == 1


@pytest.fixture
def few_descriptors() -> Iterator[Callable[[], None]]:
    """Return a function that allows this process no descriptor more than it has."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def limit() -> None:
        highest = max(int(link.name) for link in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.serial
def test_a_restart_without_descriptors_waits_for_some(
    open_bridge: OpenBridge, few_descriptors: Callable[[], None]
) -> None:
    host = open_bridge()
    host.call("ping")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    few_descriptors()
    outcome(lambda: host.call("fake.die"))
    call = host.submit("ping", {"payload": "at last"})
    wait_until(lambda: not host.bridge._supervisor.alive, "the worker to be gone")
    held = [os.dup(2) for _ in range(3)]  # what the dead worker gave back, and somebody else takes
    wait_until(lambda: host.bridge._mailbox._timed, "another try to be planned")
    assert not call.has_ended
    for descriptor in held:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert call.wait() == {"payload": "at last"}
    assert host.bridge.status().gave_up is None


@pytest.mark.serial
def test_when_descriptors_stay_scarce_callers_are_told(
    open_bridge: OpenBridge, few_descriptors: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dspash.bridge.scarcity.WAITS_S", (0.001, 0.002))
    host = open_bridge(backoff=Backoff(base_s=0.001), intensity=Intensity(max_restarts=2))
    host.call("ping")
    few_descriptors()
    held: list[int] = []
    with contextlib.suppress(OSError):
        while True:
            held.append(os.dup(2))
    os.kill(host.pids[0], signal.SIGKILL)
    for _ in range(200):  # what the dead worker gives back is taken, too
        with contextlib.suppress(OSError):
            held.append(os.dup(2))
        if host.bridge.status().gave_up:
            break
        with contextlib.suppress(BridgeError):
            host.call("ping", timeout_s=0.05)
    for descriptor in held:
        os.close(descriptor)
    with pytest.raises(SupervisorGaveUpError, match=r"could not be spawned: .*Too many open files"):
        host.call("ping")
