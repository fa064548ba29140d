"""Recycling: healthy workers are replaced by calls, age or memory, and no call notices."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import psutil
import pytest

from dspash.supervision import Intensity, LivenessLimits, RecyclingLimits
from tests.bridge.conftest import BOUND_S, OpenBridge
from tests.leaks import children, wait_until


def test_a_worker_is_recycled_after_its_calls_and_no_call_notices(open_bridge: OpenBridge) -> None:
    host = open_bridge(workers=2, recycling=RecyclingLimits(max_calls=30))
    host.define("work", "result = {'value': x}")
    seen: list[int] = []
    host.wait_until_serving(2)
    started = [psutil.Process(pid) for pid in host.pids]
    for x in range(600):
        call = host.submit("execute", {"program_id": "work", "inputs": {"x": x}}, sticky=str(x % 8))
        seen.append(call.wait()["fields"]["value"])
        assert len(host.bridge._supervisor._successors) <= 1  # one at a time
    assert seen == list(range(600))
    wait_until(
        lambda: not any(process.is_running() for process in started), "the first generation to be gone"
    )
    host.wait_until_serving(2)


def test_a_recycled_worker_works_until_its_successor_is_ready(open_bridge: OpenBridge) -> None:
    host = open_bridge(concurrency=2, recycling=RecyclingLimits(max_calls=3), retire_grace_s=BOUND_S)
    host.define(
        "work",
        "import time\nend = time.monotonic() + seconds\nwhile time.monotonic() < end: time.sleep(0.005)\nresult = {}",
    )
    long = host.submit("execute", {"program_id": "work", "inputs": {"seconds": 1.0}})
    old = host.pids[0]
    while host.generation == 1:
        host.run("work", seconds=0)
    assert not long.has_ended
    assert psutil.pid_exists(old)
    assert long.wait()["fields"] == {}
    wait_until(lambda: len(children()) == 1, "the old one to be gone")


@pytest.mark.parametrize(
    "recycling",
    [RecyclingLimits(max_age_s=0.1), RecyclingLimits(max_memory_bytes=500_000)],
    ids=["age", "memory"],
)
def test_workers_are_recycled_by_age_and_by_memory(
    open_bridge: OpenBridge, recycling: RecyclingLimits
) -> None:
    host = open_bridge(workers=2, recycling=recycling, liveness=LivenessLimits(heartbeat_s=0.05))
    host.wait_until_serving(2)
    before = set(host.pids)

    def all_are_new() -> bool:
        assert host.submit("ping", sticky=str(time.monotonic())).wait() == {"payload": None}
        return len(host.pids) == 2 and not before & set(host.pids)

    wait_until(all_are_new, "both to be replaced")


def test_a_successor_that_does_not_come_up_leaves_the_old_worker_in_place(
    open_bridge: OpenBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = open_bridge(recycling=RecyclingLimits(max_calls=2))
    host.wait_until_serving()
    spec = host.bridge._supervisor._children["worker-1"].start
    spec.environment["FAKE_BOOT"] = "crash"
    for _ in range(5):
        host.call("ping")
    wait_until(lambda: host.bridge._supervisor._recycle_from, "the successor to fail")
    assert host.call("ping") == {"payload": None}
    assert host.generation == 1


def test_the_heir_takes_over_when_the_old_worker_dies_early(open_bridge: OpenBridge) -> None:
    host = open_bridge(recycling=RecyclingLimits(max_calls=2), intensity=Intensity(5, 60.0))
    host.wait_until_serving()
    old = host.pids[0]
    for _ in range(2):
        host.call("ping")
    wait_until(lambda: host.bridge._supervisor._generations["worker-1"] == 2, "the successor to be started")
    with contextlib.suppress(ProcessLookupError):
        os.kill(old, signal.SIGKILL)
    wait_until(lambda: host.generation == 2, "the heir to be in place")
    assert host.call("ping") == {"payload": None}
    assert host.bridge._supervisor._generations["worker-1"] == 2
