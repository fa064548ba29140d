"""Births: a fork serves as any worker does, is nobody's copy, and its end is told as it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dspash_protocol.birth import ConfinementPlan, Ended, Layer, WorkerOptions
from tests.leaks import wait_until
from tests.worker.zygote.conftest import KINDS, StartZygote
from tests.worker.zygote.zygote_host import IN_GROUP, IN_NEST, Fork, ZygoteHost, await_readable

MARK = "f00dfeedf00dfeed"

Shared = Callable[[str], ZygoteHost]


def bear(zygote: ZygoteHost, kind: str) -> Fork:
    return zygote.spawn(IN_NEST) if kind == "nest" else zygote.spawn(IN_GROUP, mark=MARK)


@pytest.mark.parametrize("kind", KINDS)
def test_a_zygote_comes_up_with_one_thread_and_forks_what_serves(shared_zygote: Shared, kind: str) -> None:
    zygote = shared_zygote(kind)
    assert zygote.up.threads == 1
    assert zygote.up.dspy.startswith("3.")
    assert zygote.up.problems == ()
    fork = bear(zygote, kind).greet()
    assert fork.ready["import_ms"] == 0
    assert fork.run("result = {'sum': 2 + 2}") == {"sum": 4}
    assert psutil.Process(fork.host_pid).is_running()
    fork.channel.close()
    assert os.waitstatus_to_exitcode(zygote.hear_end_of(fork).status) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("os._exit(0)", 0),
        ("os._exit(7)", 7),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
    ],
)
def test_how_a_fork_ended_is_told_as_it_was(shared_zygote: Shared, kind: str, ending: str, code: int) -> None:
    fork = bear(shared_zygote(kind), kind).greet()
    with pytest.raises(ConnectionError):
        fork.run(f"import os, signal\n{ending}\nresult = {{}}")
    ended = shared_zygote(kind).hear_end_of(fork)
    assert os.waitstatus_to_exitcode(ended.status) == code
    assert ended.cpu_s > 0
    assert ended.peak_memory_bytes > 10 << 20


def test_a_crash_in_native_code_leaves_its_python_stack_on_its_own_stderr(shared_zygote: Shared) -> None:
    zygote = shared_zygote("group")
    fork, other = bear(zygote, "group").greet(), bear(zygote, "group").greet()
    with pytest.raises(ConnectionError) as lost:
        fork.run("import ctypes\ndef sink(): ctypes.string_at(0)\nsink()\nresult = {}")
    assert "Segmentation fault" in str(lost.value)
    assert "in sink" in str(lost.value)
    zygote.hear_end_of(fork)
    other.run("import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)\nresult = {}")
    assert {"to stdout", "to stderr"} <= set(other.stderr().splitlines())
    assert "to stderr" not in zygote.stderr.read_text()
    other.kill()
    zygote.hear_end_of(other)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_fork_has_started_ends_with_it(shared_zygote: Shared, kind: str) -> None:
    fork = bear(shared_zygote(kind), kind).greet()
    fork.run("import subprocess\nsubprocess.Popen(['sleep', '60'])\nresult = {}")
    family = psutil.Process(fork.host_pid).children(recursive=True)
    assert family
    fork.kill()
    shared_zygote(kind).hear_end_of(fork)
    wait_until(lambda: not any(is_running(child) for child in family), "its child to be gone")


@pytest.mark.bwrap
def test_what_has_left_group_and_session_ends_with_its_namespace(shared_zygote: Shared) -> None:
    zygote = shared_zygote("nest")
    fork = bear(zygote, "nest").greet()
    fork.run("import subprocess\nsubprocess.Popen(['setsid', '-f', 'sleep', '60']).wait()\nresult = {}")
    daemons: list[psutil.Process] = []

    def find() -> bool:
        daemons[:] = [child for child in descendants_of(zygote) if child.cmdline()[:1] == ["sleep"]]
        return len(daemons) == 1

    wait_until(find, "the daemon to be there")
    fork.kill()
    zygote.hear_end_of(fork)
    wait_until(lambda: not any(is_running(daemon) for daemon in daemons), "the daemon to be gone")


@pytest.mark.parametrize("how", ["exec", "fork"])
def test_what_has_left_group_and_session_is_known_by_its_mark(shared_zygote: Shared, how: str) -> None:
    """A fork that runs no other program shows the variables that the zygote was started with, written over."""
    zygote = shared_zygote("group")
    fork = zygote.spawn(IN_GROUP, mark=MARK).greet()
    daemonize = {
        "exec": "subprocess.Popen(['setsid', '-f', 'sleep', '60']).wait()",
        "fork": "os.fork() or (os.setsid(), os.closerange(0, 1024), time.sleep(60))",
    }
    fork.run(f"import os, subprocess, time\n{daemonize[how]}\nresult = {{}}")
    marked = [child for child in descendants_of(zygote) if child.environ().get("DSPASH_WORKER") == MARK]
    strangers = [child for child in descendants_of(zygote) if child not in marked]
    assert {child.pid for child in marked} > {fork.host_pid}
    assert fork.host_pid not in {child.pid for child in strangers}
    for child in marked:
        child.kill()
    zygote.hear_end_of(fork)


def test_forks_draw_random_numbers_of_their_own(shared_zygote: Shared) -> None:
    zygote = shared_zygote("group")
    forks = [bear(zygote, "group").greet() for _ in range(3)]
    drawn = {fork.run("import random\nresult = {'x': random.random()}")["x"] for fork in forks}
    assert len(drawn) == 3
    for fork in forks:
        fork.kill()
        zygote.hear(Ended)


def test_a_fork_holds_nothing_of_the_zygotes(shared_zygote: Shared) -> None:
    zygote = shared_zygote("group")
    first, second = bear(zygote, "group").greet(), bear(zygote, "group").greet()
    look = "import os\nresult = {'open': sorted(int(n) for n in os.listdir('/proc/self/fd'))}"
    assert first.run(look) == second.run(look)
    assert first.run("import threading\nresult = {'n': threading.active_count()}")["n"] <= 3
    first.channel.close()  # seen although the second was forked while it was open
    zygote.hear_end_of(first)
    second.kill()
    zygote.hear_end_of(second)


@pytest.mark.parametrize(
    "predict", ["dspy.Predict('a -> b')(a='x')", "asyncio.run(dspy.Predict('a -> b').acall(a='x'))"]
)
def test_a_first_predict_imports_nothing(shared_zygote: Shared, predict: str) -> None:
    """What DSPy loads late is loaded before the fork, so the first Predict of a worker is as quick as the tenth."""
    fork = bear(shared_zygote("group"), "group").greet()
    source = f"""
import asyncio, sys, dspy
from dspash_worker.zygote.warming import parrot_lm
lm = parrot_lm('[[ ## b ## ]]\\ny')
before = set(sys.modules)
with dspy.context(lm=lm):
    answer = {predict}
result = {{'b': answer.b, 'late': sorted(set(sys.modules) - before)}}
"""
    assert fork.run(source) == {"b": "y", "late": []}
    fork.kill()
    shared_zygote("group").hear_end_of(fork)


def test_a_zygote_and_all_its_forks_end_with_its_host(start_zygote: StartZygote) -> None:
    zygote = start_zygote(nests=False)
    forks = [bear(zygote, "group").greet() for _ in range(2)]
    forks[0].ask("execute", program_id="none", inputs={})
    zygote.hang_up()
    assert zygote.wait_for_end() == 0
    assert all(await_readable(fork.pidfds[0]) for fork in forks)


def is_running(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def descendants_of(zygote: ZygoteHost) -> list[psutil.Process]:
    return psutil.Process(zygote.process.pid).children(recursive=True)


def test_a_confined_fork_that_is_busy_ends_with_its_zygote(start_zygote: StartZygote, tmp_path: Path) -> None:
    zygote = start_zygote(nests=False)
    layers = frozenset({Layer.NONDUMPABLE})
    options = WorkerOptions(concurrency=1)
    plan = ConfinementPlan(tier="landlock", layers=layers, scratch=str(tmp_path), options=options)
    fork = zygote.spawn(plan).greet()
    fork.ask("create_program", id="p", forward_fn="open('begun', 'w').close()\nwhile True: pass", tools=[])
    fork.ask("execute", program_id="p", inputs={})
    wait_until(lambda: any(tmp_path.glob("*/begun")), "the program begins")
    zygote.process.kill()
    assert await_readable(fork.pidfds[0])
