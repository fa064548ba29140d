"""A host for one zygote: speaks birth's protocol to it and the worker's to its forks, every wait bounded."""

from __future__ import annotations

import array
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from dspash_protocol import ErrorReply, Notice, Request, Result, Role, Session
from dspash_protocol.birth import (
    MAX_DATAGRAM,
    Born,
    ConfinementPlan,
    Ended,
    FromZygote,
    Layer,
    Spawn,
    Up,
    read_from_zygote,
    write_datagram,
)

__all__ = ["BOUND_S", "IN_GROUP", "IN_NEST", "Fork", "ZygoteHost", "await_readable"]

BOUND_S = 15.0
REPOSITORY = Path(__file__).resolve().parents[3]
BWRAP = ("bwrap", "--unshare-pid", "--die-with-parent", "--dev-bind", "/", "/", "--proc", "/proc")
MARK = "DSPASH_WORKER"

IN_GROUP = ConfinementPlan(tier="process")
IN_NEST = ConfinementPlan(tier="process", layers=frozenset({Layer.NAMESPACES}), init=True)

M = TypeVar("M", bound=FromZygote)


class Fork:
    """One worker: the host's end of its session, its stderr, and its pidfds."""

    def __init__(self, born: Born, pidfds: tuple[int, ...], channel: socket.socket, stderr: int) -> None:
        self.pid = born.pid
        self.pidfds = pidfds
        self.channel = channel
        self.ready: Mapping[str, Any] = {}
        self._stderr = stderr
        self._session = Session(Role.HOST)
        self._last_id = 0

    @property
    def host_pid(self) -> int:
        """The pid by which this process knows it."""
        told = Path(f"/proc/self/fdinfo/{self.pidfds[0]}").read_text()
        return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("Pid:"))

    def greet(self) -> Fork:
        """Open a session, and wait until it is ready."""
        self.call("hello", protocol=1, heartbeat_s=0)
        while not self.ready:
            self._receive()
        return self

    def run(self, source: str) -> Any:
        """Define a program from `source`, which sets `result`, and run it once."""
        self.call("create_program", id="p", forward_fn=source, tools=[])
        return self.call("execute", program_id="p", inputs={})

    def call(self, command: str, **args: Any) -> Any:
        """Make a call and return its result. Raises AssertionError with the fault, ConnectionError at the end."""
        asked = self.ask(command, **args)
        while True:
            for message in self._receive():
                assert not isinstance(message, ErrorReply), message.fault
                if isinstance(message, Result) and message.id == asked:
                    return message.result

    def ask(self, command: str, **args: Any) -> int:
        """Send a request; its id."""
        self._last_id += 1
        self.channel.sendall(self._session.send(Request(self._last_id, command, args)))
        return self._last_id

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfds[0], how)

    def stderr(self) -> str:
        """What it has written to stderr by now."""
        os.set_blocking(self._stderr, False)
        with contextlib.suppress(BlockingIOError):
            return os.read(self._stderr, 1 << 20).decode()
        return ""

    def close(self) -> None:
        self.channel.close()
        os.close(self._stderr)
        for pidfd in self.pidfds:
            os.close(pidfd)

    def _receive(self) -> list[Any]:
        self.channel.settimeout(BOUND_S)
        data = self.channel.recv(1 << 20)
        if not data:
            raise ConnectionError(self.stderr() or "it closed its end")
        messages = self._session.receive(data)
        for message in messages:
            if isinstance(message, Notice) and message.name == "ready":
                self.ready = message.data
        return list(messages)


class ZygoteHost:
    """One zygote, and the host's end of its control."""

    def __init__(self, folder: Path, *, nests: bool, **environment: str) -> None:
        self.stderr = folder / "zygote-stderr"
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(BOUND_S)
        program = (sys.executable, "-P", "-m", "dspash_worker.zygote", "--control", str(theirs.fileno()))
        paths = [str(REPOSITORY / name) for name in ("protocol", "bridge_worker")]
        passed = {name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "TMPDIR")}
        with self.stderr.open("wb") as log:
            self.process = subprocess.Popen(
                (*BWRAP, "--", *program, "--nests") if nests else program,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                env={**passed, "PYTHONPATH": os.pathsep.join(paths), MARK: "0" * 16, **environment},
                start_new_session=True,
            )
        theirs.close()
        self._heard: list[tuple[FromZygote, tuple[int, ...]]] = []
        self._forks: list[Fork] = []
        self._last_id = 0
        self.up = self.hear(Up)[0]

    def spawn(self, plan: ConfinementPlan, *, mark: str = "") -> Fork:
        """Have a worker forked."""
        self._last_id += 1
        channel, theirs = socket.socketpair()
        reading, writing = os.pipe()
        try:
            self.say(write_datagram(Spawn(self._last_id, plan, mark)), theirs.fileno(), writing)
        finally:
            theirs.close()
            os.close(writing)
        born, pidfds = self.hear(Born)
        assert born.id == self._last_id
        self._forks.append(Fork(born, pidfds, channel, reading))
        return self._forks[-1]

    def say(self, datagram: bytes, *descriptors: int) -> None:
        """Send a datagram, whatever is in it."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        self._control.sendmsg([datagram], rights if descriptors else [])

    def hear(self, kind: type[M]) -> tuple[M, tuple[int, ...]]:
        """The next message of that kind, with its descriptors; the others are kept."""
        while True:
            for place, (message, descriptors) in enumerate(self._heard):
                if isinstance(message, kind):
                    del self._heard[place]
                    return message, descriptors
            datagram, descriptors, _, _ = socket.recv_fds(self._control, MAX_DATAGRAM, 4)
            assert datagram, self.stderr.read_text()
            self._heard.append((read_from_zygote(datagram), tuple(descriptors)))

    def hear_end_of(self, fork: Fork) -> Ended:
        """What it tells of a worker's end."""
        ended = self.hear(Ended)[0]
        assert ended.pid == fork.pid
        return ended

    def hang_up(self) -> None:
        """Close the control."""
        self._control.close()

    def wait_for_end(self) -> int:
        """Its exit status."""
        return self.process.wait(BOUND_S)

    def close(self) -> None:
        for fork in self._forks:
            fork.close()
        self._control.close()
        try:
            self.process.wait(BOUND_S)
        finally:
            self.process.kill()
            self.process.wait(BOUND_S)


def await_readable(descriptor: int) -> bool:
    """Whether a descriptor becomes readable within the bound."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(BOUND_S * 1000))
