"""Serving calls: values, deadlines, cancellation, a full queue, many callers."""

from __future__ import annotations

import asyncio

import pytest

from dspash.errors import (
    CallCancelledError,
    CallTimeoutError,
    FrameTooLargeError,
    InvalidInputError,
    OverloadedError,
    WorkerLostError,
)
from dspash.supervision import Overran
from dspash_protocol import Progress
from tests.bridge.conftest import BOUND_S, SPIN, STUCK, OpenBridge, in_thread
from tests.leaks import children, wait_until


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
    wait_until(lambda: host.generation == 2, "the next generation")
    assert host.call("ping") == {"payload": None}
    wait_until(lambda: len(children()) == 1, "the old one to be gone")


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
