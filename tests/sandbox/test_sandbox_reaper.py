"""Bubblewrap, held up just when its child would outlive it; and what its reaper makes of that."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from dspash.sandbox.reaping import reaped
from tests.leaks import wait_until

BOUND_S = 10.0
REPOSITORY = Path(__file__).resolve().parent.parent.parent

HOST = """
import fcntl, os, stat, subprocess, sys
from dspash.sandbox import Tier, ZygoteSpec
from dspash.sandbox.command import command_for

command = command_for(ZygoteSpec.of(python=sys.executable, tier=Tier(sys.argv[1])), ["-c", ""])
[info] = [fd for fd in command.pass_fds if stat.S_ISFIFO(os.fstat(fd).st_mode)]
os.set_blocking(info, False)
try:
    while True:
        os.write(info, bytes(4096))
except BlockingIOError:
    os.set_blocking(info, True)
started = subprocess.Popen(
    command.argv, stdin=subprocess.DEVNULL, env=command.environment, cwd=command.cwd, pass_fds=command.pass_fds
)
print(started.pid, flush=True)
sys.stdin.read()
"""
"""A host whose bubblewrap cannot say what it started, and so lets its child wait."""


@contextlib.contextmanager
def held_up(tier: str) -> Generator[tuple[subprocess.Popen[str], psutil.Process, list[psutil.Process]]]:
    """A host, its reaper, and bubblewrap below that with a child that waits for a word of it."""
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, tier],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    with host:
        assert host.stdout is not None
        reaper = psutil.Process(int(host.stdout.readline()))
        wait_until(
            lambda: [child.name() for child in reaper.children(recursive=True)] == ["bwrap", "bwrap"],
            "bubblewrap to have a child",
        )
        family = reaper.children(recursive=True)
        try:
            yield host, reaper, family
        finally:
            for process in (*family, psutil.Process(host.pid)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


def await_end(processes: list[psutil.Process]) -> None:
    """Fail unless all are gone, or dead and not ours to reap, in time."""
    wait_until(lambda: not any(map(runs, processes)), "everything to be gone")


def runs(process: psutil.Process) -> bool:
    """Whether it does anything yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.bwrap
@pytest.mark.parametrize("tier", ["process", "strict"])
def test_a_child_that_waits_for_its_bubblewrap_dies_with_the_host(tier: str) -> None:
    with held_up(tier) as (host, reaper, family):
        host.kill()
        await_end([reaper, *family])


@pytest.mark.bwrap
@pytest.mark.parametrize("tier", ["process", "strict"])
def test_a_child_that_waits_for_its_bubblewrap_dies_with_it(tier: str) -> None:
    with held_up(tier) as (_, reaper, family):
        family[0].kill()
        await_end([reaper, *family])


@pytest.mark.bwrap
@pytest.mark.parametrize("tier", ["process", "strict"])
def test_a_reaper_that_is_told_to_end_ends_all_below_it(tier: str) -> None:
    with held_up(tier) as (_, reaper, family):
        reaper.terminate()
        await_end([reaper, *family])


@pytest.mark.parametrize(
    ("code", "status"),
    [("pass", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 11)", 128 + 11)],
)
def test_a_reaper_exits_as_its_command_did(code: str, status: int) -> None:
    done = subprocess.run(reaped([sys.executable, "-I", "-S", "-c", code]), check=False, timeout=BOUND_S)
    assert done.returncode == status


def test_what_its_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    code = "import os, signal\nif os.fork() == 0:\n    os.setsid()\n    while True: signal.pause()\n"
    told = tmp_path / "child"
    code = f"{code}open({str(told)!r}, 'w').write(open('/proc/self/task/' + str(os.getpid()) + '/children').read())"
    done = subprocess.run(reaped([sys.executable, "-I", "-S", "-c", code]), check=False, timeout=BOUND_S)
    assert done.returncode == 0
    assert not psutil.pid_exists(int(told.read_text()))


def test_a_command_does_not_run_for_a_parent_that_has_ended(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    command = reaped(["touch", str(ran)])
    command[command.index(str(os.getpid()))] = str(os.getppid())  # as if that had started it, and ended
    done = subprocess.run(command, check=False, timeout=BOUND_S)
    assert (done.returncode, ran.exists()) == (125, False)


def test_a_command_that_cannot_run_is_told_of() -> None:
    done = subprocess.run(
        reaped(["/no/such"]), stderr=subprocess.PIPE, text=True, check=False, timeout=BOUND_S
    )
    assert (done.returncode, done.stderr) == (
        125,
        "dspash could not run /no/such: [Errno 2] No such file or directory\n",
    )


def test_a_command_hears_of_its_children_though_the_host_does_not() -> None:
    usual = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        code = "import os; raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(os.spawnv(os.P_NOWAIT, '/bin/true', ['true']), 0)[1]))"
        process = subprocess.Popen(reaped([sys.executable, "-I", "-S", "-c", code]), stderr=subprocess.PIPE)
        with process:
            assert process.communicate(timeout=BOUND_S) == (None, b"")
    finally:
        signal.signal(signal.SIGCHLD, usual)


def test_a_command_ignores_no_signals_and_blocks_none() -> None:
    done = subprocess.run(
        reaped(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=BOUND_S,
    )
    assert [int(line.split()[1], 16) for line in done.stdout.splitlines()] == [0, 0]
