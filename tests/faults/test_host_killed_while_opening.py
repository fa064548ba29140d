"""Hosts that are SIGKILLed at one moment after another while their first zygote starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

MOTHER = """
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path
from dspash import open as open_app
from dspash.sandbox import Tier, ZygoteSpec, zygote_command

tier, hosts, span_s, gone_s = Tier(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
spec = ZygoteSpec.of(python=sys.executable, tier=tier)
zygote_command(spec).close()  # what is looked up once a process is known to all the hosts that are forked from here
assert ctypes.CDLL(None).prctl(36, ctypes.c_ulong(1), 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER: orphans come here


def open_sandbox():
    command = zygote_command(spec)
    subprocess.Popen(
        [*command.argv, "--control", "0", "--sandbox"],
        stdin=subprocess.DEVNULL, env=command.environment, cwd=command.cwd, pass_fds=command.pass_fds,
    )


def below(pid):
    children = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            children += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    except OSError:
        pass  # it has ended, and its children are another's: the next look finds them there
    return children + [further for child in children for further in below(child)]


def is_bubblewrap(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text() == "bwrap\\n"
    except OSError:
        return False


def await_moment(number, host):
    began = time.monotonic()
    if number % 2:  # as soon as bubblewrap has forked
        while sum(map(is_bubblewrap, below(host))) < 2:
            assert time.monotonic() < began + 5
    else:
        while time.monotonic() < began + span_s * number / hosts:
            pass


def remaining():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return []
    return below(os.getpid())


for number in range(hosts):
    opens, opened = os.pipe()
    host = os.fork()
    if host == 0:
        try:
            app = open_app(sandbox="process") if tier is Tier.PROCESS else open_sandbox()
            os.write(opened, b"!")
            signal.pause()
        finally:
            os._exit(1)
    os.close(opened)
    assert os.read(opens, 1) == b"!"
    os.close(opens)
    await_moment(number, host)
    os.kill(host, signal.SIGKILL)
    killed_at = time.monotonic()
    while left := remaining():
        if time.monotonic() > killed_at + gone_s:
            names = ["ps", "-o", "pid,ppid,stat,args", *map(str, left)]
            print(f"host {number} left", subprocess.run(names, stdout=subprocess.PIPE, text=True).stdout)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            sys.exit(1)
        time.sleep(0.002)
"""
"""Forks hosts, kills them, and is given whatever they leave behind."""

HOSTS = 16
SPAN_S = 0.08  # from the start of a zygote until its interpreter runs, on a machine that does little else
GONE_S = 1.0


@pytest.mark.serial
@pytest.mark.bwrap
@pytest.mark.timeout(60)
@pytest.mark.parametrize("tier", ["process", "strict"])
def test_nothing_is_left_of_a_host_killed_while_opening(tier: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MOTHER, tier, str(HOSTS), str(SPAN_S), str(GONE_S)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.stdout, done.returncode) == ("", 0)
