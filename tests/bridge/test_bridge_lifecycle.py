"""Bridges from opening to closing: restarts, giving up, recycling, closing from anywhere, forks, scarce descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from dspash.bridge import Ask, BridgeOptions
from dspash.bridge.lifetimes import open_bridges
from dspash.errors import (
    BridgeError,
    CallCancelledError,
    CallTimeoutError,
    ClosedError,
    ConfigurationError,
    DspashError,
    FrameTooLargeError,
    InvalidInputError,
    OverloadedError,
    ReentrancyError,
    SupervisorGaveUpError,
    WorkerLostError,
)
from dspash.supervision import Backoff, Intensity, LivenessLimits, Overran, RecyclingLimits
from dspash_protocol import Progress, ReverseCommand
from tests.bridge.conftest import Host, OpenBridge
from tests.leaks import wait_until

BOUND_S = 10.0
SPIN = "import time\nwhile True: time.sleep(0.01)"
STUCK = "import time\nwhile True:\n    try: time.sleep(0.01)\n    except BaseException: pass"


def outcome(step: Callable[[], Any]) -> Any:
    """What a step returns, or the error it raises."""
    try:
        return step()
    except DspashError as error:
        return error


def in_thread(step: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(outcome(step)), daemon=True)
    thread.start()
    return thread, found


def generation(host: Host) -> int:
    workers = host.bridge.status().workers
    return workers[0].generation if workers else 0


def wait_until_serving(host: Host, count: int = 1) -> None:
    wait_until(
        lambda: sum(worker.state == "ready" for worker in host.bridge.status().workers) == count,
        f"{count} workers to be ready",
    )


# --- opening ---


def test_calls_made_before_a_worker_is_up_wait_for_it(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    calls = [host.submit("ping", {"payload": number}) for number in range(20)]
    assert [call.wait()["payload"] for call in calls] == list(range(20))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", 0),
        ("concurrency", 0),
        ("max_queue", -1),
        ("max_frame", 10),
        ("cancel_grace_s", -1.0),
        ("shutdown_s", float("inf")),
        ("retire_grace_s", float("nan")),
        ("python", "/no/such/interpreter"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name: str, value: Any) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError) as refused:
        BridgeOptions(**settings)
    assert refused.value.path == name


@pytest.mark.parametrize("command", ["hello", "shutdown"])
def test_the_commands_of_the_session_are_the_bridges_own(open_bridge: OpenBridge, command: str) -> None:
    with pytest.raises(ConfigurationError):
        open_bridge().submit(command)


def test_workers_run_on_the_interpreter_they_are_given(open_bridge: OpenBridge, tmp_path: Path) -> None:
    venv.create(tmp_path / "other", with_pip=False, symlinks=True)
    python = str(tmp_path / "other" / "bin" / "python")
    packages = [entry for entry in sys.path if entry.endswith(("site-packages", "protocol"))]
    fake = str(Path(__file__).with_name("fake"))
    host = open_bridge(python=python, python_path=(fake, *packages))
    host.define("where", "import sys\nresult = {'python': sys.executable}")
    assert host.run("where") == {"python": python}


def test_values_that_cannot_travel_are_named_and_harm_nobody(open_bridge: OpenBridge) -> None:
    host = open_bridge(max_frame=65_536)
    with pytest.raises(InvalidInputError) as invalid:
        host.call("ping", {"payload": [1, {2, 3}]})
    assert invalid.value.path == "$.payload[1]"
    with pytest.raises(FrameTooLargeError) as large:
        host.call("ping", {"payload": "x" * 100_000})
    assert large.value.limit == 65_536
    status = host.bridge.status()
    assert (status.running, status.restarts) == (0, 0)


def test_a_call_without_any_limit_is_served(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    assert host.call("ping", {"payload": 1}, timeout_s=float("inf")) == {"payload": 1}
    assert host.call("ping", {"payload": 1}, timeout_s=1e12) == {"payload": 1}


# --- deaths and restarts ---


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
    assert generation(host) == 2


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
    wait_until_serving(host, 3)
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
        wait_until(lambda number=number: generation(host) == number, f"generation {number}")
        wait_until_serving(host)
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
    assert psutil.Process().children() == []


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
    assert generation(host) == 1


# --- deadlines and cancellation ---


def test_a_call_that_times_out_ends_for_its_caller_and_in_its_worker(open_bridge: OpenBridge) -> None:
    host = open_bridge(concurrency=1)
    host.define("spin", SPIN)
    call = host.submit("execute", {"program_id": "spin", "inputs": {}}, timeout_s=0.05)
    with pytest.raises(CallTimeoutError) as late:
        call.wait()
    assert late.value.timeout_s == 0.05
    host.define("quick", "result = {}")
    assert host.run("quick") == {}  # the slot is free
    status = host.bridge.status()
    assert (status.restarts, status.unmatched_replies, status.running) == (0, 1, 0)


def test_a_call_that_does_not_listen_costs_its_workers_life_and_no_other_call_its_result(
    open_bridge: OpenBridge,
) -> None:
    host = open_bridge(concurrency=2, cancel_grace_s=0.1, retire_grace_s=BOUND_S)
    asked, go_on = threading.Event(), threading.Event()
    host.define("stuck", STUCK)
    host.define(
        "long",
        "import time\nend = time.monotonic() + 0.6\nwhile time.monotonic() < end: time.sleep(0.01)\nresult = {'done': True}",
    )
    innocent = host.start("long")
    stuck = host.start("stuck")
    wait_until(lambda: stuck.progress is Progress.SENT, "it to be sent")
    stuck.cancel("enough")
    assert innocent.wait()["fields"] == {"done": True}
    wait_until(lambda: generation(host) == 2, "the next generation")
    assert host.call("ping") == {"payload": None}
    wait_until(lambda: len(psutil.Process().children()) == 1, "the old one to be gone")
    assert not asked.is_set()
    assert not go_on.is_set()


def test_a_worker_replaced_over_a_call_says_so(open_bridge: OpenBridge) -> None:
    host = open_bridge(concurrency=2, cancel_grace_s=0.05, retire_grace_s=0.05)
    host.define("stuck", STUCK)
    one, two = host.start("stuck"), host.start("stuck")
    wait_until(lambda: two.progress is Progress.SENT, "both to be sent")
    one.cancel("enough")
    error = two.future.exception(BOUND_S)
    assert isinstance(error, WorkerLostError)
    assert error.exit == Overran("execute", 0.05)


def test_a_call_cancelled_in_the_queue_is_never_sent(open_bridge: OpenBridge) -> None:
    host = open_bridge(concurrency=1)
    host.define("spin", SPIN)
    first, second = host.start("spin"), host.start("spin")
    assert host.bridge.status().queued == 1
    second.cancel("changed my mind")
    assert host.bridge.status().queued == 0
    with pytest.raises(CallCancelledError) as cancelled:
        second.wait()
    assert cancelled.value.progress is Progress.NOT_SENT
    first.cancel("enough")


def test_a_full_queue_refuses_or_waits_as_asked(open_bridge: OpenBridge) -> None:
    host = open_bridge(concurrency=1, max_queue=1)
    host.define("spin", SPIN)
    running, queued = host.start("spin"), host.start("spin")
    with pytest.raises(OverloadedError):
        host.submit("execute", {"program_id": "spin", "inputs": {}}, wait=False)
    with pytest.raises(OverloadedError):
        host.submit("execute", {"program_id": "spin", "inputs": {}}, timeout_s=0.05)
    thread, found = in_thread(lambda: host.start("spin"))
    queued.cancel("make room")
    thread.join(BOUND_S)
    running.cancel("enough")
    found[0].cancel("enough")


# --- recycling ---


def test_a_worker_is_recycled_after_its_calls_and_no_call_notices(open_bridge: OpenBridge) -> None:
    host = open_bridge(workers=2, recycling=RecyclingLimits(max_calls=30))
    host.define("work", "result = {'value': x}")
    seen: list[int] = []
    wait_until_serving(host, 2)
    started = [psutil.Process(pid) for pid in host.pids]
    for x in range(600):
        call = host.submit("execute", {"program_id": "work", "inputs": {"x": x}}, sticky=str(x % 8))
        seen.append(call.wait()["fields"]["value"])
        assert len(host.bridge._supervisor._successors) <= 1  # one at a time
    assert seen == list(range(600))
    wait_until(
        lambda: not any(process.is_running() for process in started), "the first generation to be gone"
    )
    wait_until_serving(host, 2)


def test_a_recycled_worker_works_until_its_successor_is_ready(open_bridge: OpenBridge) -> None:
    host = open_bridge(concurrency=2, recycling=RecyclingLimits(max_calls=3), retire_grace_s=BOUND_S)
    host.define(
        "work",
        "import time\nend = time.monotonic() + seconds\nwhile time.monotonic() < end: time.sleep(0.005)\nresult = {}",
    )
    long = host.submit("execute", {"program_id": "work", "inputs": {"seconds": 1.0}})
    old = host.pids[0]
    while generation(host) == 1:
        host.run("work", seconds=0)
    assert not long.has_ended
    assert psutil.pid_exists(old)
    assert long.wait()["fields"] == {}
    wait_until(lambda: len(psutil.Process().children()) == 1, "the old one to be gone")


@pytest.mark.parametrize(
    "recycling",
    [RecyclingLimits(max_age_s=0.1), RecyclingLimits(max_memory_bytes=500_000)],
    ids=["age", "memory"],
)
def test_workers_are_recycled_by_age_and_by_memory(
    open_bridge: OpenBridge, recycling: RecyclingLimits
) -> None:
    host = open_bridge(workers=2, recycling=recycling, liveness=LivenessLimits(heartbeat_s=0.05))
    wait_until_serving(host, 2)
    before = set(host.pids)

    def all_are_new() -> bool:
        assert host.submit("ping", sticky=str(time.monotonic())).wait() == {"payload": None}
        return len(host.pids) == 2 and not before & set(host.pids)

    wait_until(all_are_new, "both to be replaced")


def test_a_successor_that_does_not_come_up_leaves_the_old_worker_in_place(
    open_bridge: OpenBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = open_bridge(recycling=RecyclingLimits(max_calls=2))
    wait_until_serving(host)
    spec = host.bridge._supervisor._children["worker-1"].start
    spec.environment["FAKE_BOOT"] = "crash"
    for _ in range(5):
        host.call("ping")
    wait_until(lambda: host.bridge._supervisor._recycle_from, "the successor to fail")
    assert host.call("ping") == {"payload": None}
    assert generation(host) == 1


def test_the_heir_takes_over_when_the_old_worker_dies_early(open_bridge: OpenBridge) -> None:
    host = open_bridge(recycling=RecyclingLimits(max_calls=2), intensity=Intensity(5, 60.0))
    wait_until_serving(host)
    old = host.pids[0]
    for _ in range(2):
        host.call("ping")
    wait_until(lambda: host.bridge._supervisor._generations["worker-1"] == 2, "the successor to be started")
    with contextlib.suppress(ProcessLookupError):
        os.kill(old, signal.SIGKILL)
    wait_until(lambda: generation(host) == 2, "the heir to be in place")
    assert host.call("ping") == {"payload": None}
    assert host.bridge._supervisor._generations["worker-1"] == 2


# --- closing ---


def assert_closed(host: Host) -> None:
    with pytest.raises(ClosedError):
        host.submit("ping")
    assert host.bridge not in open_bridges
    assert psutil.Process().children() == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dspash")]


@pytest.mark.parametrize("when", ["idle", "running", "queued", "booting", "restarting", "never_ready"])
def test_closing_ends_every_call_and_leaves_nothing_whenever_it_comes(
    open_bridge: OpenBridge, when: str
) -> None:
    boot = "hang" if when == "never_ready" else "ready"
    host = open_bridge(workers=2, concurrency=1, environment={"FAKE_BOOT": boot})
    calls = []
    if when in {"running", "queued"}:
        host.define("spin", SPIN)
        calls = [host.start("spin") for _ in range(2 if when == "running" else 5)]
    elif when == "restarting":
        host.call("ping")
        for pid in host.pids:
            os.kill(pid, signal.SIGKILL)
        calls = [host.submit("ping") for _ in range(3)]
    elif when in {"booting", "never_ready"}:
        calls = [host.submit("ping") for _ in range(3)]
    host.bridge.close()
    for call in calls:
        found = outcome(call.wait)
        assert isinstance(found, ClosedError | WorkerLostError) or found == {"payload": None}
    host.bridge.close()
    assert_closed(host)


def test_closing_from_many_threads_at_once_closes_once_for_all(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    host.call("ping")
    closers = [in_thread(host.bridge.close) for _ in range(8)]
    for thread, _found in closers:
        thread.join(BOUND_S)
        assert not thread.is_alive()
    assert_closed(host)


@pytest.mark.parametrize("where", ["pump", "leader", "mailbox", "cancel", "closing"])
def test_closing_in_a_callback_never_waits_for_itself(open_bridge: OpenBridge, where: str) -> None:
    host = open_bridge()
    host.define("spin", SPIN)
    seen: list[BaseException | str] = []

    def close(_future: Any) -> None:
        try:
            host.bridge.close()
            seen.append("closed")
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            seen.append(error)

    match where:
        case "pump":
            host.submit("ping").future.add_done_callback(close)
        case "leader":
            call = host.submit("fake.flood_stderr")
            call.future.add_done_callback(close)
            call.wait()
        case "mailbox":
            host.submit(
                "execute", {"program_id": "spin", "inputs": {}}, timeout_s=0.02
            ).future.add_done_callback(close)
        case "cancel":
            call = host.start("spin")
            call.future.add_done_callback(close)
            call.cancel("now")
        case _:
            host.start("spin").future.add_done_callback(close)
            host.bridge.close()
    wait_until(lambda: seen, "the callback")
    assert seen == ["closed"]
    host.bridge.close()
    assert_closed(host)


def test_waiting_for_a_call_in_a_callback_is_refused_wherever_it_runs(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    host.define("spin", SPIN)
    found: list[Any] = []

    def call_again(_future: Any) -> None:
        found.append(outcome(lambda: host.call("ping")))

    host.submit("ping").future.add_done_callback(call_again)
    spinning = host.submit("execute", {"program_id": "spin", "inputs": {}}, timeout_s=0.02)
    spinning.future.add_done_callback(call_again)
    wait_until(lambda: len(found) == 2, "both callbacks")
    # A callback that is added late runs at once, in its caller's thread, where waiting is fine.
    assert all(isinstance(item, ReentrancyError) or item == {"payload": None} for item in found)
    assert any(isinstance(item, ReentrancyError) for item in found)
    assert host.call("ping") == {"payload": None}


def test_a_callback_may_start_calls(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    done = threading.Event()

    def chain(left: int) -> Callable[[Any], None]:
        def follow(_future: Any) -> None:
            if left:
                host.submit("ping").future.add_done_callback(chain(left - 1))
            else:
                done.set()

        return follow

    host.submit("ping").future.add_done_callback(chain(50))
    assert done.wait(BOUND_S)


def test_closing_in_a_tool_ends_the_call_it_serves(open_bridge: OpenBridge) -> None:
    closed = threading.Event()

    def tool(_ask: Ask) -> str:
        host.bridge.close()
        closed.set()
        return "too late"

    host = open_bridge(handlers={ReverseCommand.TOOL_CALL: tool})
    host.define("p", "result = {'value': t()}", "t")
    with pytest.raises(ClosedError):
        host.run("p")
    assert closed.wait(BOUND_S)
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("dspash")],
        "the tool's thread to end",
    )
    assert_closed(host)


def test_closing_does_not_wait_for_a_tool_that_does_not_return(open_bridge: OpenBridge) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def tool(_ask: Ask) -> None:
        inside.set()
        go_on.wait(BOUND_S)

    host = open_bridge(handlers={ReverseCommand.TOOL_CALL: tool})
    host.define("p", "result = {'value': t()}", "t")
    call = host.start("p")
    assert inside.wait(BOUND_S)
    began = time.monotonic()
    host.bridge.close()
    assert time.monotonic() - began < BOUND_S / 2
    with pytest.raises(ClosedError):
        call.wait()
    go_on.set()
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("dspash")],
        "the tool's thread to end",
    )


def test_a_writer_held_up_by_a_worker_that_does_not_read_is_let_go_by_closing(
    open_bridge: OpenBridge,
) -> None:
    host = open_bridge(shutdown_s=0.1)
    host.submit("fake.stop_reading", {"seconds": 60})
    payload = "x" * (8 << 20)
    thread, found = in_thread(
        lambda: [host.submit("ping", {"payload": payload}, timeout_s=3600) for _ in range(4)]
    )
    wait_until(
        lambda: any(worker._channel.has_backlog for worker in host.bridge._supervisor.alive), "a backlog"
    )
    host.bridge.close()
    thread.join(BOUND_S)
    assert not thread.is_alive()
    assert found


def test_a_host_that_cannot_start_a_bridge_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, open_bridge: OpenBridge
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise RuntimeError("no")

    before = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr("dspash.bridge.bridge.Supervisor", refuse)
        with pytest.raises(RuntimeError):
            open_bridge()
    wait_until(
        lambda: (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before, "no trace"
    )


# --- forks ---


def in_fork(step: Callable[[], bool]) -> int:
    """The exit status of a forked copy of this process that does `step`: 0 when it is true."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(BOUND_S))  # a copy that hangs is ended
        try:
            os._exit(0 if step() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.serial
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_has_no_bridge_and_does_its_original_no_harm(open_bridge: OpenBridge) -> None:
    host = open_bridge(workers=2)
    host.define("spin", SPIN)
    running = host.start("spin")
    pids = host.pids

    def in_copy() -> bool:
        refused = isinstance(outcome(lambda: host.call("ping")), ClosedError)
        orphaned = isinstance(running.future.exception(timeout=BOUND_S), ClosedError)
        host.bridge.close()
        host.bridge.status()
        return refused and orphaned

    assert in_fork(in_copy) == 0
    assert host.pids == pids
    assert not running.has_ended
    assert host.call("ping") == {"payload": None}
    running.cancel("enough")


@pytest.mark.serial
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_in_the_middle_of_everything_is_as_harmless(open_bridge: OpenBridge) -> None:
    host = open_bridge(workers=2)
    host.call("ping")
    stop = threading.Event()

    def press() -> int:
        count = 0
        while not stop.is_set():
            host.call("ping", {"payload": "x" * 1000})
            count += 1
        return count

    threads = [in_thread(press) for _ in range(3)]
    statuses = [
        in_fork(lambda: isinstance(outcome(lambda: host.call("ping")), ClosedError)) for _ in range(20)
    ]
    stop.set()
    for thread, found in threads:
        thread.join(BOUND_S)
        assert found
        assert isinstance(found[0], int)
    assert statuses == [0] * 20
    assert host.bridge.status().restarts == 0


@pytest.mark.serial
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_that_lives_on_does_not_keep_the_workers_alive(open_bridge: OpenBridge) -> None:
    host = open_bridge(contain=False)
    host.call("ping")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writing)
        os.read(reading, 1)  # until the original closes its end
        os._exit(0)
    try:
        family = [psutil.Process(worker) for worker in host.pids]
        host.bridge.close()
        assert not any(process.is_running() for process in family)
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(pid, 0)


# --- what the machine lacks for a moment ---


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
    monkeypatch.setattr("dspash.bridge.supervisor.SCARCE_WAITS_S", (0.001, 0.002))
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


# --- many hosts at once ---


def test_many_threads_and_event_loops_share_one_bridge(open_bridge: OpenBridge) -> None:
    host = open_bridge(workers=2, concurrency=4, max_queue=8)

    def sync_user(user: int) -> bool:
        return all(
            host.call("ping", {"payload": [user, number]})["payload"] == [user, number]
            for number in range(50)
        )

    async def async_user(user: int) -> bool:
        async def one(number: int) -> bool:
            call = host.submit("ping", {"payload": [user, number]})
            return (await asyncio.wrap_future(call.future))["payload"] == [user, number]

        return all(await asyncio.gather(*(one(number) for number in range(50))))

    users = [in_thread(lambda user=user: sync_user(user)) for user in range(4)]
    users += [in_thread(lambda user=user: asyncio.run(async_user(user))) for user in range(4, 8)]
    for thread, found in users:
        thread.join(2 * BOUND_S)
        assert found == [True]
    assert host.bridge.status().unmatched_replies == 0
