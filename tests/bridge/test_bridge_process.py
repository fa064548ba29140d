"""Processes of workers: started whole or not at all, told from strangers, ended with all they started, and reaped."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dspash.bridge import launch as launching
from dspash.bridge.descendants import MARK, end_marked, find_marked
from dspash.bridge.environment import worker_environment
from dspash.bridge.launch import LaunchSpec, launch
from dspash.bridge.process import Group, Process
from dspash.bridge.stderr_tail import LINE_BYTES, LINES, StderrTail
from dspash.sandbox.containment import Containment, ContainmentKind, _problem_with, find_containment
from dspash.supervision import Exited, ReapedElsewhere, Signalled
from tests import leaks
from tests.leaks import wait_until

BOUND_S = 10.0
IN_GROUP = Containment(ContainmentKind.PROCESS_GROUP)
IN_NAMESPACE = pytest.param("namespace", marks=pytest.mark.bwrap)
KINDS = ["group", IN_NAMESPACE]

Start = Callable[[str], tuple[Process, socket.socket]]


def containment_of(kind: str) -> Containment:
    return IN_GROUP if kind == "group" else find_containment()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[Process, socket.socket]]]:
    """Start a worker whose module is the given text; what is left of it is ended."""
    started: list[tuple[Process, socket.socket]] = []

    def begin(code: str, kind: str = "group") -> tuple[Process, socket.socket]:
        folder = tmp_path / f"worker{len(started)}" / "dspash_worker"
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "__main__.py").write_text(code)
        environment = worker_environment({}, python_path=(str(folder.parent),))
        started.append(launch(LaunchSpec(sys.executable, (), environment, containment_of(kind))))
        return started[-1]

    yield begin
    for process, sock in started:
        process.kill()
        assert process.wait(BOUND_S) is not None
        process.sweep()
        process.close()
        sock.close()


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def receive_pid(sock: socket.socket) -> int:
    sock.settimeout(BOUND_S)
    return int(sock.recv(100))


SPEAK = "import os, socket, sys, time, subprocess, signal\npipe = socket.socket(fileno=os.dup(0))\n"
CHILD = f"""{SPEAK}
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
os.write(2, b"%d\\n" % child.pid)
pipe.sendall(b"1")
"""
DAEMON = f"""{SPEAK}
script = "import os, time; os.setsid(); os.write(1, b'%d' % os.getpid()); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-S", "-c", script], stdout=subprocess.PIPE)
pipe.sendall(child.stdout.read1())
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("sys.exit(0)", Exited(0)),
        ("sys.exit(7)", Exited(7)),
        ("os.kill(os.getpid(), signal.SIGSEGV)", Signalled(signal.SIGSEGV)),
        ("os.kill(os.getpid(), signal.SIGKILL)", Signalled(signal.SIGKILL)),
    ],
)
def test_how_a_worker_ended_is_told_as_it_was(
    start: Callable[..., tuple[Process, socket.socket]], kind: str, ending: str, expected: object
) -> None:
    process, _sock = start(f"{SPEAK}\n{ending}", kind)
    assert process.wait(BOUND_S) == expected
    assert process.poll() == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_spins_is_killed_with_its_children(
    start: Callable[..., tuple[Process, socket.socket]], kind: str
) -> None:
    process, sock = start(f"{CHILD}\nwhile True: pass", kind)
    sock.settimeout(BOUND_S)
    assert sock.recv(1) == b"1"
    family = psutil.Process(process.pid).children()
    assert len(family) == 1
    process.kill()
    assert process.wait(BOUND_S) == Signalled(signal.SIGKILL, sent_by_us=True)
    wait_until(lambda: not any(is_running(child.pid) for child in family), "its child to be gone")
    process.kill()  # once more, with nobody there


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_dies_by_itself_leaves_no_child_behind(
    start: Callable[..., tuple[Process, socket.socket]], kind: str
) -> None:
    process, sock = start(f"{CHILD}\npipe.recv(1)\nos.kill(os.getpid(), signal.SIGKILL)", kind)
    sock.settimeout(BOUND_S)
    assert sock.recv(1) == b"1"
    family = psutil.Process(process.pid).children()
    sock.sendall(b"1")
    assert process.wait(BOUND_S) == Signalled(signal.SIGKILL)
    wait_until(lambda: not any(is_running(child.pid) for child in family), "its child to be gone")


def test_a_child_that_left_group_and_session_is_found_by_its_mark_and_ended(
    start: Callable[..., tuple[Process, socket.socket]],
) -> None:
    process, sock = start(f"{DAEMON}\npipe.recv(1)")
    daemon = receive_pid(sock)
    assert os.getsid(daemon) == daemon
    sock.shutdown(socket.SHUT_WR)
    assert process.wait(BOUND_S) == Exited(0)
    assert is_running(daemon)
    process.sweep()
    wait_until(lambda: not is_running(daemon), "the daemon to be gone")


def test_only_processes_with_that_very_mark_are_ended() -> None:
    others = [
        subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, env=env)
        for env in ({MARK: "another"}, {"OTHER": "mine"}, {MARK: "mine-too"}, {})
    ]
    ours = subprocess.Popen(
        [sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, env={MARK: "mine"}
    )
    try:
        wait_until(lambda: ours.pid in find_marked("mine"), "the mark to be seen")
        end_marked("mine")
        assert ours.wait(BOUND_S) == -signal.SIGKILL
        assert [other.poll() for other in others] == [None] * 4
    finally:
        for process in (*others, ours):
            process.kill()
            process.communicate()


def test_a_number_that_has_gone_to_somebody_else_is_not_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search finds a process, which ends, and its number is given away before it is killed."""
    stranger = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, env={})
    monkeypatch.setattr("dspash.bridge.descendants.find_marked", lambda _value: [stranger.pid])
    try:
        end_marked("mine")
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")


def test_our_own_group_is_never_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    signalled: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _signal: signalled.append(group))
    Group(os.getpgid(0), "nothing").kill()
    assert signalled == []


def test_a_worker_without_wrapper_dies_with_the_thread_that_started_it_or_is_told_of_its_parent(
    start: Callable[..., tuple[Process, socket.socket]],
) -> None:
    _process, sock = start(f"{SPEAK}\npipe.sendall(os.environ['DSPASH_PARENT'].encode())\npipe.recv(1)")
    assert receive_pid(sock) == os.getpid()


@pytest.mark.parametrize("kind", KINDS)
def test_an_exit_status_that_somebody_else_took_is_unknown_and_no_mystery(
    start: Callable[..., tuple[Process, socket.socket]], kind: str
) -> None:
    process, sock = start(f"{SPEAK}\npipe.recv(1)", kind)
    sock.shutdown(socket.SHUT_WR)
    os.waitpid(process._child, 0)  # what a host's own waitpid(-1) does
    assert process.wait(BOUND_S) == ReapedElsewhere()
    process.kill()
    assert process.poll() == ReapedElsewhere()


@pytest.mark.serial
@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_ignores_the_end_of_children_still_sees_a_worker_end(
    start: Callable[..., tuple[Process, socket.socket]], kind: str
) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        if kind == "namespace":
            _problem_with.cache_clear()
            assert find_containment().wraps
        code = "pipe.sendall(str(subprocess.call(['sh', '-c', 'exit 3'])).encode())"
        process, sock = start(f"{SPEAK}\n{code}\npipe.recv(1)", kind)
        assert receive_pid(sock) == 3  # it can wait for children of its own
        assert process.poll() is None
        sock.shutdown(socket.SHUT_WR)
        assert process.wait(BOUND_S) == ReapedElsewhere()
        spinning, _sock = start(f"{SPEAK}\nwhile True: pass", kind)
        pid = spinning.pid
        spinning.kill()
        assert spinning.wait(BOUND_S) == ReapedElsewhere()
        wait_until(lambda: not is_running(pid), "the worker to be gone")
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_what_kept_bubblewrap_from_running_for_a_moment_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    usual = find_containment()
    _problem_with.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        weaker = find_containment()
    assert weaker.kind is ContainmentKind.PROCESS_GROUP
    assert weaker.describe().startswith("process_group (bubblewrap ")
    assert find_containment() == usual


def descriptors() -> set[str]:
    held: set[str] = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of this very look
            held.add(f"{link.name} {link.readlink()}")
    return held


def children() -> list[int]:
    return [child.pid for child in leaks.children()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", ["pipe", "socketpair", "Popen", "pidfd_open", "StderrTail"])
def test_a_start_that_fails_half_way_leaves_no_descriptor_and_no_process(
    monkeypatch: pytest.MonkeyPatch, kind: str, step: str
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    spec = LaunchSpec(sys.executable, (), worker_environment({}), containment_of(kind))
    before, family = descriptors(), children()
    home = {"socketpair": socket, "Popen": subprocess, "StderrTail": launching}.get(step, os)
    monkeypatch.setattr(home, step, refuse)
    with pytest.raises(OSError, match="open files"):
        launch(spec)
    monkeypatch.undo()
    assert descriptors() == before
    assert children() == family


@pytest.mark.parametrize("kind", KINDS)
def test_an_interpreter_that_is_not_there_is_told(kind: str) -> None:
    spec = LaunchSpec("/no/such/python", (), worker_environment({}), containment_of(kind))
    if kind == "group":
        with pytest.raises(FileNotFoundError):
            launch(spec)
        return
    process, sock = launch(spec)
    try:
        assert process.wait(BOUND_S) == Exited(1)
        process.stderr.read_rest()
        assert "/no/such/python" in process.stderr.lines[-1]
    finally:
        process.close()
        sock.close()


@pytest.mark.serial
def test_hosts_with_thousands_of_descriptors_can_start_workers(
    start: Callable[..., tuple[Process, socket.socket]],
) -> None:
    """select(2) knows numbers below 1024 only."""
    held = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while held[-1] < 1100:
            held.append(os.dup(held[0]))
        kind = "namespace" if find_containment().wraps else "group"
        process, sock = start(f"{SPEAK}\npipe.recv(1)", kind)
        assert sock.fileno() > 1024
        sock.shutdown(socket.SHUT_WR)
        assert process.wait(BOUND_S) == Exited(0)
    finally:
        for descriptor in held:
            os.close(descriptor)


# --- stderr ---


@pytest.fixture
def tail() -> Iterator[tuple[StderrTail, int]]:
    reading, writing = os.pipe()
    tail = StderrTail(reading)
    yield tail, writing
    os.close(writing)
    tail.close()
    tail.close()
    assert tail.fileno() == -1


def test_the_last_lines_are_kept_in_whatever_pieces_they_come(tail: tuple[StderrTail, int]) -> None:
    kept, writing = tail
    for piece in (b"fir", b"st\nsec", b"ond\n", b"thi"):
        os.write(writing, piece)
        assert kept.read()
    assert kept.lines == ("first", "second", "thi")
    os.write(writing, b"rd\n" + b"".join(b"%d\n" % number for number in range(100)))
    assert kept.read()
    assert kept.lines == tuple(map(str, range(100 - LINES, 100)))


def test_a_line_without_end_is_cut_and_bytes_that_are_no_text_are_shown(tail: tuple[StderrTail, int]) -> None:
    kept, writing = tail
    os.write(writing, b"\xff" + b"x" * 10_000)
    assert kept.read()
    os.write(writing, b"y" * 10_000 + b"\nnext\n")
    assert kept.read()
    assert kept.lines == ("\N{REPLACEMENT CHARACTER}" + "x" * (LINE_BYTES - 1), "next")


def test_reading_never_waits_and_a_flood_does_not_hold_it_up(tail: tuple[StderrTail, int]) -> None:
    kept, writing = tail
    assert kept.read()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"line\n" * 1000)
    began = time.thread_time()
    kept.read_rest()
    assert time.thread_time() - began < BOUND_S
    assert set(kept.lines[:-1]) == {"line"}


# --- environment ---


def test_no_credential_of_the_host_reaches_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = (
        "ANTHROPIC_API_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_API_KEY",
        "COHERE_API_KEY",
        "DATABASE_URL",
        "DOCKER_AUTH_CONFIG",
        "GEMINI_API_KEY",
        "GH_TOKEN",
        "GITHUB_TOKEN",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "HF_TOKEN",
        "HTTPS_PROXY",
        "KUBECONFIG",
        "LANGCHAIN_API_KEY",
        "LC_API_KEY",
        "MY_COMPANY_PASSWORD",
        "NETRC",
        "NPM_TOKEN",
        "OPENAI_API_KEY",
        "OPENAI_ORGANIZATION",
        "PGPASSWORD",
        "PIP_INDEX_URL",
        "PYTHONPATH",
        "SSH_AUTH_SOCK",
    )
    for name in secrets:
        monkeypatch.setenv(name, "hunter2")
    given = worker_environment({})
    assert "hunter2" not in given.values()
    assert not set(secrets) & set(given)


def test_a_worker_gets_what_an_interpreter_needs_and_what_its_owner_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    given = worker_environment({"TZ": "UTC", "TOKEN": "given on purpose"}, python_path=("/a", "/b"))
    assert given["PATH"] == os.environ["PATH"]
    assert (given["TZ"], given["TOKEN"], given["LC_ALL"]) == ("UTC", "given on purpose", "C.UTF-8")
    assert given["PYTHONPATH"] == os.pathsep.join(("/a", "/b"))
