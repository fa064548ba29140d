"""A worker that was asked to die with its parent does, busy or not, and tells its own children nothing of it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dspash_worker.parent import VARIABLE, die_with_parent

if TYPE_CHECKING:
    from worker.conftest import StartShell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")

REAL_WORKER = [sys.executable, "-P", "-m", "dspash_worker"]

# Starts the command of its arguments as its child, says the child's pid, and waits to be killed.
PARENT = """
import os, subprocess, sys, time
os.environ["DSPASH_PARENT"] = sys.argv[1] if sys.argv[1] != "me" else str(os.getpid())
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(3600)
"""


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    poll = select.poll()
    pidfd = os.pidfd_open(pid)
    try:
        poll.register(pidfd, select.POLLIN)
        assert poll.poll(10_000), f"process {pid} goes on"
    finally:
        os.close(pidfd)


def test_worker_dies_with_its_parent_though_its_pipe_stays_open() -> None:
    paths = [str(Path(__file__).resolve().parents[2] / folder) for folder in ("protocol", "bridge_worker")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    spin = "from dspash_worker.parent import die_with_parent; import os; die_with_parent(os.environ)\nwhile True: pass"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, "me", sys.executable, "-c", spin], stdout=subprocess.PIPE, env=env
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        wait_for_end(child)


def test_worker_whose_parent_is_gone_already_ends_at_once(start_shell: StartShell) -> None:
    host = start_shell(entry=REAL_WORKER, DSPASH_PARENT="1" if os.getpid() != 1 else "2")
    assert host.exit_code() == -signal.SIGKILL


def test_worker_of_the_right_parent_serves(start_shell: StartShell) -> None:
    host = start_shell(entry=REAL_WORKER, DSPASH_PARENT=str(os.getpid()))
    host.roundtrip()


def test_variable_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    environment = {VARIABLE: "1", "HOME": "/"}
    die_with_parent(environment)
    assert environment == {"HOME": "/"}
