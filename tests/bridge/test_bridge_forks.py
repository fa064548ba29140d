"""Forks of the host: they have no bridge, and do their original no harm."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import psutil
import pytest

from dspash.errors import ClosedError
from tests.bridge.conftest import BOUND_S, SPIN, OpenBridge, in_thread, outcome


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
