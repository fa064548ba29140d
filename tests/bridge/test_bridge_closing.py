"""Closing: whenever it comes and whoever asks for it, every call ends and nothing is left."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from dspash.bridge import Ask
from dspash.errors import ClosedError, WorkerLostError
from dspash_protocol import ReverseCommand
from tests.bridge.conftest import BOUND_S, SPIN, OpenBridge, assert_closed, in_thread, outcome
from tests.leaks import wait_until


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
        go_on.wait(2 * BOUND_S)

    host = open_bridge(handlers={ReverseCommand.TOOL_CALL: tool})
    host.define("p", "result = {'value': t()}", "t")
    call = host.start("p")
    assert inside.wait(BOUND_S)
    closer, _ = in_thread(host.bridge.close)
    closer.join(BOUND_S)
    assert not closer.is_alive()
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
