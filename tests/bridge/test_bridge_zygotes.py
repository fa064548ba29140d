"""Zygotes under a bridge: who forks the workers is watched, replaced when dead or used up, and done without if need be."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from dspash.bridge import Bridge, BridgeOptions, Call, CallOptions
from dspash.bridge import nursery as nurseries
from dspash.bridge import stand_in as stand_ins
from dspash.bridge import zygote as zygotes
from dspash.bridge.starts import Starts
from dspash.bridge.zygote import Zygote
from dspash.errors import WorkerLostError
from dspash.supervision import Exited, Intensity, Signalled, ZygoteLost
from tests.bridge.conftest import FAKE
from tests.leaks import wait_until

pytestmark = pytest.mark.timeout(60)

BOUND_S = 20.0
CONTAINED = pytest.param(True, marks=pytest.mark.bwrap)
SPIN = "import time\nwhile True: time.sleep(0.01)"

Open = Callable[..., "Real"]


class Real:
    """A bridge on real workers, and short ways to call it."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge

    def submit(self, command: str, **args: Any) -> Call:
        return self.bridge.submit(command, args, CallOptions(timeout_s=BOUND_S))

    def define(self, name: str, source: str) -> None:
        self.submit("create_program", id=name, forward_fn=source, tools=[]).wait()

    def run(self, name: str) -> Any:
        return self.submit("execute", program_id=name, inputs={}).wait()

    def run_until_served(self, name: str) -> Any:
        """Run a program; once more when its worker is lost, as a caller whose call may be repeated does."""
        found: list[Any] = []

        def is_served() -> bool:
            try:
                found.append(self.run(name))
            except WorkerLostError:
                return False
            return True

        wait_until(is_served, "a call to be served", bound_s=BOUND_S)
        return found[0]

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self.bridge.status().workers]

    @property
    def zygotes(self) -> tuple[Zygote, ...]:
        return self.bridge._nursery.zygotes

    @property
    def starts(self) -> Starts:
        return self.bridge._supervisor._starts

    def await_stand_in(self) -> int:
        """The pid of the worker that stands by, once there is one."""
        wait_until(self._stand_in_pid, "a worker to stand by")
        return self._stand_in_pid()

    def _stand_in_pid(self) -> int:
        here = self.starts._stand_in._here
        return 0 if here is None else here[0].pid


@pytest.fixture
def open_real() -> Iterator[Open]:
    """Open bridges on real workers; all are closed at the end."""
    opened: list[Bridge] = []

    def start(**options: Any) -> Real:
        opened.append(Bridge(BridgeOptions(**options), {}))
        real = Real(opened[-1])
        real.define("pid", "import os\nresult = {'pid': os.getpid()}")
        return real

    yield start
    for bridge in opened:
        bridge.close()


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def interpreter_of(zygote: Zygote) -> psutil.Process:
    """The process that forks, below whatever wraps it."""
    process = psutil.Process(zygote.process.pid)
    while process.cmdline()[1:4] != ["-P", "-m", "dspash_worker.zygote"]:
        process = process.children()[0]
    return process


# --- forking ---


@pytest.mark.parametrize("contain", [False, CONTAINED])
def test_all_workers_are_forks_of_one_zygote(open_real: Open, contain: bool) -> None:
    real = open_real(workers=3, contain=contain)
    wait_until(lambda: len([pid for pid in real.pids if pid]) == 3, "three workers")
    (zygote,) = real.zygotes
    assert zygote.births == 3
    family = {child.pid for child in interpreter_of(zygote).children()}
    assert family >= set(real.pids)
    assert real.run("pid")["pid"] > 0


def test_a_worker_gets_the_variables_folder_and_paths_it_was_promised(
    open_real: Open, tmp_path: Path
) -> None:
    (tmp_path / "one_of_ours.py").write_text("VALUE = 'imported'")
    real = open_real(python_path=(str(tmp_path),), environment={"OURS": "told"}, cwd=str(tmp_path))
    real.define(
        "look", "import os, one_of_ours\nresult = {'x': [os.environ['OURS'], os.getcwd(), one_of_ours.VALUE]}"
    )
    assert real.run("look") == {"x": ["told", str(tmp_path), "imported"]}


@pytest.mark.parametrize("contain", [False, CONTAINED])
def test_how_a_forked_worker_ended_is_told_with_its_last_words(open_real: Open, contain: bool) -> None:
    real = open_real(contain=contain)
    real.define("crash", "import ctypes\nctypes.string_at(0)")
    with pytest.raises(WorkerLostError) as lost:
        real.run("crash")
    assert lost.value.exit == Signalled(signal.SIGSEGV)
    assert "in string_at" in lost.value.stderr_tail
    real.define("leave", "import os, sys\nprint('last words', file=sys.stderr)\nos._exit(7)")
    with pytest.raises(WorkerLostError) as lost:
        real.run("leave")
    assert lost.value.exit == Exited(7)
    assert lost.value.stderr_tail == "last words"
    real.define("starve", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(WorkerLostError, match="probably out of memory"):
        real.run("starve")
    assert real.run_until_served("pid")["pid"] > 0


@pytest.mark.bwrap
def test_daemons_of_a_forked_worker_end_with_it(open_real: Open) -> None:
    real = open_real()
    real.define(
        "daemon", "import subprocess\nsubprocess.Popen(['setsid', '-f', 'sleep', '61']).wait()\nresult = {}"
    )
    real.run("daemon")

    def daemons() -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for one in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it ends while it is looked at
                found += [one] if one.cmdline() == ["sleep", "61"] else []
        return found

    wait_until(lambda: len(daemons()) == 1, "the daemon to be there")
    os.kill(real.pids[0], signal.SIGKILL)
    wait_until(lambda: not daemons(), "the daemon to be gone")


def test_daemons_are_found_by_their_mark_where_no_namespace_holds_them(open_real: Open) -> None:
    real = open_real(contain=False)
    real.define("daemon", "import os, time\nos.fork() or (os.setsid(), time.sleep(61))\nresult = {}")
    real.run("daemon")
    (zygote,) = real.zygotes
    family = {child.pid for child in interpreter_of(zygote).children(recursive=True)} - set(real.pids)
    os.kill(real.pids[0], signal.SIGKILL)
    wait_until(
        lambda: not any(is_running(pid) for pid in family - {real._stand_in_pid()}), "the daemon to be gone"
    )


# --- standing by ---


def test_the_worker_that_stands_by_takes_the_place_of_one_that_crashed(open_real: Open) -> None:
    real = open_real()
    stand_in = real.await_stand_in()
    (crashed,) = real.pids
    assert stand_in != crashed
    os.kill(crashed, signal.SIGKILL)
    assert real.run_until_served("pid")["pid"] > 0
    assert real.pids == [stand_in]
    assert real.await_stand_in() not in {crashed, stand_in}


def test_a_stand_in_that_has_died_is_passed_over(open_real: Open) -> None:
    real = open_real()
    stand_in = real.await_stand_in()
    os.kill(stand_in, signal.SIGKILL)
    wait_until(lambda: not is_running(stand_in), "it to be gone")
    os.kill(real.pids[0], signal.SIGKILL)
    assert real.run_until_served("pid")["pid"] > 0
    assert real.pids != [stand_in]


def test_closing_ends_the_one_that_stands_by(open_real: Open) -> None:
    real = open_real()
    stand_in = real.await_stand_in()
    real.bridge.close()
    assert not is_running(stand_in)


# --- when a zygote fails ---


@pytest.mark.parametrize("contain", [False, CONTAINED])
def test_a_dead_zygote_is_replaced_and_calls_are_served_again(open_real: Open, contain: bool) -> None:
    real = open_real(workers=2, contain=contain)
    real.define("spin", SPIN)
    call = real.submit("execute", program_id="spin", inputs={})
    (zygote,) = real.zygotes
    interpreter_of(zygote).kill()
    with pytest.raises(WorkerLostError) as lost:
        call.wait()
    assert isinstance(lost.value.exit, ZygoteLost)
    assert "SIGKILL" in str(lost.value)
    assert real.run_until_served("pid")["pid"] > 0  # with what was defined before
    assert real.zygotes
    assert zygote not in real.zygotes
    assert real.bridge.status().gave_up is None


def test_a_zygote_that_hangs_is_ended_and_replaced(open_real: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_ins, "AFTER_S", 1000.0)
    monkeypatch.setattr(zygotes, "BIRTH_S", 0.3)
    monkeypatch.setattr(zygotes, "END_TOLD_S", 0.3)
    monkeypatch.setattr(zygotes, "SECOND_LOOK_S", 0.1)
    real = open_real()
    (zygote,) = real.zygotes
    interpreter_of(zygote).suspend()
    os.kill(real.pids[0], signal.SIGKILL)  # whose end it does not tell, nor bear another
    assert real.run_until_served("pid")["pid"] > 0
    assert zygote not in real.zygotes


def test_a_zygote_that_stood_still_for_a_while_is_not_ended_for_it(
    open_real: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_ins, "AFTER_S", 1000.0)
    monkeypatch.setattr(zygotes, "END_TOLD_S", 0.05)
    real = open_real(workers=2)
    wait_until(lambda: len([pid for pid in real.pids if pid]) == 2, "two workers")
    (zygote,) = real.zygotes
    first, second = real.pids
    looks: list[object] = []
    look = zygote._end_unless
    monkeypatch.setattr(zygote, "_end_unless", lambda *given: (looks.append(given), look(*given)))
    interpreter_of(zygote).suspend()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: looks, "the first look")
    interpreter_of(zygote).resume()
    assert real.run_until_served("pid")["pid"] > 0
    wait_until(lambda: first not in real.pids and len(real.pids) == 2, "the next one")
    assert real.zygotes == (zygote,)
    assert second in real.pids


def test_zygotes_that_die_too_often_are_done_without(
    open_real: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long a busy machine takes from one to the next.
    monkeypatch.setattr(nurseries, "DEATHS", Intensity(max_restarts=1, period_s=3600.0))
    real = open_real()

    def is_done_without() -> bool:
        for zygote in real.zygotes:
            interpreter_of(zygote).kill()
            wait_until(lambda zygote=zygote: zygote not in real.zygotes, "its end to be noticed")
        real.run_until_served("pid")
        return not real.zygotes

    wait_until(is_done_without, "a worker without zygote", bound_s=BOUND_S)
    assert real.run("pid")["pid"] > 0
    assert real.bridge.status().gave_up is None


def test_a_used_up_zygote_is_replaced_and_its_workers_live_on(
    open_real: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nurseries, "MOST_BIRTHS", 2)
    monkeypatch.setattr(stand_ins, "AFTER_S", 1000.0)
    real = open_real(workers=2)
    wait_until(lambda: len(real.pids) == 2 and all(real.pids), "two workers")
    pids = real.pids
    wait_until(
        lambda: [zygote.births for zygote in real.zygotes] == [0, 2],
        "the successor to take over",
        bound_s=BOUND_S,
    )
    _, before = real.zygotes
    assert real.pids == pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert real.run_until_served("pid")["pid"] > 0
    wait_until(lambda: before not in real.zygotes, "the old one to end with its last worker")


def test_an_interpreter_without_zygote_starts_its_workers_one_by_one(open_real: Open) -> None:
    real = open_real(python_path=(str(FAKE),), shutdown_s=2.0)
    assert real.submit("ping", payload="one").wait()["payload"] == "one"
    assert real.zygotes == ()
    (pid,) = real.pids
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: real.pids not in ([], [pid]), "the next one")
    assert real.submit("ping", payload="two").wait()["payload"] == "two"


def test_without_zygote_each_worker_is_a_process_of_its_own(open_real: Open) -> None:
    real = open_real(zygote=False, contain=False)
    assert real.zygotes == ()
    assert psutil.Process(real.pids[0]).ppid() == os.getpid()


# --- its host's end ---

HOST = """
import os, sys, time
from dspash.bridge import Bridge, BridgeOptions, CallOptions
bridge = Bridge(BridgeOptions(workers=3, contain={contain}), {{}})
stuck = "import ctypes; ctypes.PyDLL(None).sleep(60)"  # in C, with the interpreter's lock
define = {{"id": "stuck", "forward_fn": stuck, "tools": []}}
bridge.submit("create_program", define, CallOptions(timeout_s=30)).wait()
while [worker.state for worker in bridge.status().workers] != ["ready"] * 3:
    time.sleep(0.01)
calls = [bridge.submit("execute", {{"program_id": "stuck", "inputs": {{}}}}, CallOptions(timeout_s=60)) for _ in "123"]
while not all(worker.busy for worker in bridge.status().workers):
    time.sleep(0.01)
print("busy", flush=True)
time.sleep(60)
"""


@pytest.mark.serial
@pytest.mark.parametrize("contain", [False, CONTAINED])
def test_everything_is_gone_with_a_host_that_is_killed(contain: bool) -> None:
    code = textwrap.dedent(HOST.format(contain=contain))
    host = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert host.stdout is not None
        assert host.stdout.readline() == "busy\n"
        family = psutil.Process(host.pid).children(recursive=True)
        assert len(family) >= 4
        host.kill()
        wait_until(lambda: not any(is_running(one.pid) for one in family), "everything to be gone")
    finally:
        host.kill()
        host.communicate()


def test_a_fork_of_the_host_keeps_no_zygote_alive(open_real: Open) -> None:
    real = open_real()
    real.await_stand_in()
    (zygote,) = real.zygotes
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    try:
        real.bridge._mailbox.cast(zygote._control.close)  # as if this process had ended
        wait_until(lambda: not is_running(zygote.process.pid), "the zygote to see the end of its control")
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)


def test_restarts_leave_nothing_behind(open_real: Open) -> None:
    real = open_real(contain=False)
    me = psutil.Process()

    def restart() -> None:
        before = real.pids[0]
        real.await_stand_in()
        os.kill(before, signal.SIGKILL)
        real.run_until_served("pid")

    real.await_stand_in()
    held = me.num_fds(), me.num_threads()
    (zygote,) = real.zygotes
    for _ in range(2):
        restart()
    real.await_stand_in()
    wait_until(lambda: (me.num_fds(), me.num_threads()) == held, "this process to hold what it did")
    wait_until(lambda: len(interpreter_of(zygote).children()) == 2, "one that serves and one that stands by")
