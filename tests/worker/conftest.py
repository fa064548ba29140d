"""A host for one worker's shell: speaks the protocol over real pipes or a socketpair, every wait bounded."""

from __future__ import annotations

import array
import fcntl
import os
import select
import socket
import subprocess
import sys
import termios
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

import msgpack
import pytest

from dspash_protocol import (
    Cancel,
    Codec,
    ErrorReply,
    Event,
    Fault,
    Message,
    Notice,
    Received,
    Reply,
    Request,
    Result,
    Role,
    Session,
)
from tests.leaks import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
SCENES = Path(__file__).with_name("shell_worker.py")
BOUND_S = 10.0


class ShellHost:
    """One worker process and the host's end of its session."""

    def __init__(
        self,
        command: list[str],
        *,
        link: str,
        codec: Codec,
        stderr: Path,
        environment: Mapping[str, str],
        traced: bool,
    ) -> None:
        paths = [str(REPOSITORY / folder) for folder in ("protocol", "bridge_worker", "tests/worker")]
        # What the tests' interpreter measures of its children (coverage) needs its variables; the rest is theirs.
        env = {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED or name.startswith("COVERAGE")
        }
        env |= {"PYTHONPATH": os.pathsep.join([*environment.get("PYTHONPATH", "").split(os.pathsep), *paths])}
        env |= {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        if not traced:
            env = {name: value for name, value in env.items() if not name.startswith("COVERAGE")}
        self.session = Session(Role.HOST, codec=codec)
        self.replies: dict[int, Reply] = {}
        self.unasked: list[Received] = []  # everything that was no answer, in the order it came
        self._arrived: deque[Received] = deque()
        self._ids = iter(range(1, 2**62))
        self._stderr = stderr
        self._linked = link
        with stderr.open("wb") as log:
            if link == "socketpair":
                ours, theirs = socket.socketpair()
                self.process = _start(command, theirs.fileno(), theirs.fileno(), log, env)
                theirs.close()
                self.reading = self.writing = ours.detach()
            else:
                to_worker, from_worker = os.pipe(), os.pipe()
                self.process = _start(command, to_worker[0], from_worker[1], log, env)
                os.close(to_worker[0])
                os.close(from_worker[1])
                self.reading, self.writing = from_worker[0], to_worker[1]
        os.set_blocking(self.reading, False)
        os.set_blocking(self.writing, False)

    # --- saying ---

    def write(self, data: bytes) -> None:
        """Write bytes, reading nothing meanwhile."""
        rest = memoryview(data)
        while rest:
            _wait(self.writing, select.POLLOUT, "the worker to read")
            rest = rest[os.write(self.writing, rest) :]

    def write_some(self, data: bytes) -> int:
        """Write what the pipe takes now."""
        try:
            return os.write(self.writing, data)
        except BlockingIOError:
            return 0

    def send(self, message: Message) -> None:
        self.write(self.session.send(message))

    def send_raw(self, message: dict[str, Any]) -> None:
        """Send what our own session would not."""
        payload: bytes = msgpack.packb(message)
        self.write(len(payload).to_bytes(4, "big") + payload)

    def ask(
        self, command: str, args: Mapping[str, Any] | None = None, *, timeout_ms: int | None = None
    ) -> int:
        """Send a request; its id."""
        request_id = next(self._ids)
        self.send(Request(request_id, command, args or {}, timeout_ms))
        return request_id

    def play(self, scene: str, *, timeout_ms: int | None = None, **args: Any) -> int:
        """Ask for a scene of shell_domain; its id."""
        return self.ask("execute", {"scene": scene, **args}, timeout_ms=timeout_ms)

    def start(self, scene: str, *, timeout_ms: int | None = None, **args: Any) -> int:
        """Ask for a scene and wait until it runs; its id."""
        request_id = self.play(scene, timeout_ms=timeout_ms, tell=True, **args)
        self.until(
            lambda message: (
                isinstance(message, Event) and (message.id, message.data) == (request_id, "running")
            )
        )
        return request_id

    def cancel(self, request_id: int, reason: str = "") -> None:
        self.send(Cancel(request_id, reason))

    # --- hearing ---

    def next(self) -> Received:
        """The next message."""
        while not self._arrived:
            data = self.read_raw()
            assert data, f"the worker closed its pipe\n{self.stderr}"
            self._arrived.extend(self.session.receive(data))
        return self._arrived.popleft()

    def read_raw(self) -> bytes:
        """Some bytes, past the session."""
        _wait(self.reading, select.POLLIN, "bytes")
        return os.read(self.reading, 1 << 18)

    def reply(self, request_id: int) -> Reply:
        """The answer to one request; whatever else comes meanwhile is filed."""
        while request_id not in self.replies:
            self._file(self.next())
        return self.replies[request_id]

    def _file(self, message: Received) -> None:
        if isinstance(message, Result | ErrorReply):
            assert message.id not in self.replies, f"answered twice: {message}"
            self.replies[message.id] = message
        else:
            self.unasked.append(message)

    def result(self, request_id: int) -> Any:
        reply = self.reply(request_id)
        assert isinstance(reply, Result), reply
        return reply.result

    def fault(self, request_id: int) -> Fault:
        reply = self.reply(request_id)
        assert isinstance(reply, ErrorReply), reply
        return reply.fault

    def request(self) -> Request:
        """The next reverse request."""
        while not isinstance(message := self.next(), Request):
            self._file(message)
        return message

    def until(self, wanted: Callable[[Received], bool]) -> Received:
        """The next message that is `wanted`; those before it are filed."""
        while not wanted(message := self.next()):
            self._file(message)
        return message

    def events(self, request_id: int) -> list[Event]:
        """The events of one request that came so far."""
        return [event for event in self.unasked if isinstance(event, Event) and event.id == request_id]

    def notices(self, name: str) -> list[Notice]:
        return [notice for notice in self.unasked if isinstance(notice, Notice) and notice.name == name]

    def roundtrip(self) -> None:
        """Everything the worker sent before now is in `unasked` after this."""
        assert self.result(self.ask("ping", {"payload": "roundtrip"})) == {"payload": "roundtrip"}

    def greet(self, **args: Any) -> dict[str, Any]:
        """Say hello and wait until the worker is ready."""
        hello = self.result(self.ask("hello", {"protocol": 1, "heartbeat_s": 0, **args}))
        self.until(lambda message: isinstance(message, Notice) and message.name == "ready")
        return hello

    def wait_until_blocked(self) -> None:
        """Wait until the worker's pipe to us has stopped filling, that is, until it is full."""
        before, end = -1, time.monotonic() + BOUND_S
        while (now := self._unread()) != before or now == 0:
            assert time.monotonic() < end, f"waited {BOUND_S:g} s for the pipe to be full"
            before = now
            time.sleep(0.05)  # long enough for a worker that still writes to show it

    def until_open(self, count: int) -> None:
        """Wait until so many calls run, and none waits for a thread."""

        def are_running() -> bool:
            worker = self.result(self.ask("stats"))["worker"]
            return not worker["waiting"] and worker["open"] == count + 1

        wait_until(are_running, f"{count} calls to run", bound_s=BOUND_S)

    def wait_for(self, file: Path) -> None:
        """Wait until the worker has made `file`, reading nothing meanwhile."""
        wait_until(file.exists, str(file), bound_s=BOUND_S)

    def _unread(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self.reading, termios.FIONREAD, count)
        return count[0]

    def trickle(self, request_id: int, *, pieces: int, pause_s: float) -> Any:
        """The result of one request, read in so many pieces with pauses between them."""
        size = 0
        while request_id not in self.replies:
            data = self.read_raw() if not size else os.read(self.reading, size)
            size = size or (1 << 21) // pieces
            for message in self.session.receive(data):
                self._file(message)
            time.sleep(pause_s)
        return self.result(request_id)

    # --- ending ---

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(errors="replace")

    def close(self) -> None:
        """Close our ends."""
        for descriptor in {self.reading, self.writing} - {-1}:
            os.close(descriptor)
        self.reading = self.writing = -1

    def close_writing(self) -> None:
        """End what the worker reads, and go on reading."""
        if self._linked == "socketpair":
            with socket.socket(fileno=os.dup(self.writing)) as half:
                half.shutdown(socket.SHUT_WR)
        else:
            os.close(self.writing)
            self.writing = -1

    def read_to_end(self) -> list[Received]:
        """Read until the worker closes its end."""
        while True:
            _wait(self.reading, select.POLLIN, "the end")
            try:
                data = os.read(self.reading, 1 << 18)
            except ConnectionResetError:
                data = b""
            if not data:
                rest, self._arrived = list(self._arrived), deque()
                return rest
            self._arrived.extend(self.session.receive(data))

    def exit_code(self) -> int:
        return self.process.wait(BOUND_S)


class StartShell(Protocol):
    def __call__(
        self,
        *options: str,
        link: str = ...,
        codec: Codec = ...,
        entry: list[str] = ...,
        traced: bool = ...,
        **environment: str,
    ) -> ShellHost: ...


class _Starter:
    """Starts workers and sees to it that none is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hosts: list[ShellHost] = []

    def __call__(
        self,
        *options: str,
        link: str = "pipes",
        codec: Codec = Codec.MSGPACK,
        entry: list[str] | None = None,
        traced: bool = True,
        **environment: str,
    ) -> ShellHost:
        command = [*(entry or [sys.executable, "-P", str(SCENES)]), *options]
        stderr = self._folder / f"stderr{len(self._hosts)}"
        host = ShellHost(
            command, link=link, codec=codec, stderr=stderr, environment=environment, traced=traced
        )
        self._hosts.append(host)
        return host

    def close(self) -> None:
        for host in self._hosts:
            host.close()
        for host in self._hosts:
            try:
                host.process.wait(BOUND_S)  # a worker whose host is gone is gone too, whatever it was doing
            finally:
                host.process.kill()
                host.process.wait(BOUND_S)


@pytest.fixture
def start_shell(tmp_path: Path) -> Iterator[StartShell]:
    """Start worker shells whose domain is made of scenes; all are gone at the end, whatever the test did."""
    starter = _Starter(tmp_path)
    yield starter
    starter.close()


@pytest.fixture
def shell(start_shell: StartShell) -> ShellHost:
    """A greeted worker on pipes."""
    host = start_shell()
    host.greet()
    return host


@pytest.fixture
def untraced_shell(start_shell: StartShell) -> ShellHost:
    """A greeted worker whose coverage is not measured, for calls that are cancelled while stuck in C.

    In CPython 3.11 every traced thread spins at its next function call until the exception that waits for another
    thread is taken, which that one never does.
    """
    host = start_shell(traced=False)
    host.greet()
    return host


@pytest.fixture(scope="module", params=list(Codec))
def module_shell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShellHost]:
    starter = _Starter(tmp_path_factory.mktemp("shell"))
    host = starter(codec=request.param)
    host.greet()
    yield host
    starter.close()


@pytest.fixture
def shared_shell(module_shell: ShellHost) -> ShellHost:
    """A greeted worker in each codec, shared by the tests of a module, which leave nothing behind in it."""
    module_shell.replies.clear()
    module_shell.unasked.clear()
    return module_shell


@pytest.fixture(params=["pipes", "socketpair"])
def link(request: pytest.FixtureRequest) -> str:
    return request.param


_PASSED = frozenset({"HOME", "LANG", "PATH", "TMPDIR"})


def _start(
    command: list[str], stdin: int, stdout: int, stderr: IO[bytes], env: dict[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=env)


def _wait(descriptor: int, event: int, what: str) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    assert poll.poll(BOUND_S * 1000), f"waited {BOUND_S:g} s for {what}"
