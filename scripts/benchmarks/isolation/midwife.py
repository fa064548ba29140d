"""Midwife: the shortest way to a zygote's workers: asks for one, greets it, and knows when it is ready and gone."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from dspash.bridge.control import Control
from dspash.sandbox import Tier, ZygoteSpec, plan_for, zygote_command
from dspash_protocol import (
    PROTOCOL_VERSION,
    ErrorReply,
    Notice,
    NoticeName,
    Request,
    Result,
    Role,
    Session,
)
from dspash_protocol.birth import Born, ConfinementPlan, Ended, FromZygote, Spawn, Stillborn, Up

__all__ = ["Child", "Midwife", "bare_midwife", "strict_midwife", "trusted_midwife"]

_BARE: Final = Path(__file__).with_name("bare_zygote.py")
_BOUND_S: Final = 30.0
_GREETING: Final = {
    "protocol": PROTOCOL_VERSION,
    "features": ["events", "reverse", "cancel"],
    "heartbeat_s": 0,
}


@dataclass(slots=True)
class Child:
    """A worker that is ready; `birth_s` is what that took."""

    channel: socket.socket
    session: Session
    stderr: int
    birth_s: float
    pidfd: int = -1
    pid: int = 0

    def ask(self, command: str, args: dict[str, Any]) -> Any:
        """Send a request, and wait for its answer."""
        self.channel.sendall(self.session.send(Request(7, command, args)))
        while True:
            for message in self.session.receive(self.channel.recv(1 << 18)):
                if isinstance(message, Result):
                    return message.result
                if isinstance(message, ErrorReply):
                    raise AssertionError(message.fault.message)

    def end(self) -> float:
        """Kill it; the seconds until it is gone."""
        gone = select.poll()
        gone.register(self.pidfd, select.POLLIN)
        began = time.perf_counter()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        assert gone.poll(_BOUND_S * 1000)
        seconds = time.perf_counter() - began
        self.channel.close()
        os.close(self.stderr)
        os.close(self.pidfd)
        return seconds


class Midwife:
    """One zygote; a context manager. Blocking, one thing at a time."""

    def __init__(
        self, name: str, plan: ConfinementPlan, popen: subprocess.Popen[bytes], control: Control
    ) -> None:
        self.name = name
        self._plan = plan
        self._popen = popen
        self._control = control
        self._births = 0
        self._arrived = select.poll()
        self._arrived.register(control.fileno(), select.POLLIN)
        self._ended: set[int] = set()
        up, _ = self._hear()
        assert isinstance(up, Up), up

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._popen.kill()
        self._popen.wait(_BOUND_S)

    def bear(self) -> Child:
        """A worker that is ready for its first call."""
        self._births += 1
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        session = Session(Role.HOST)
        hello = session.send(Request(1, "hello", _GREETING))
        began = time.perf_counter()
        self._control.send(Spawn(self._births, self._plan), (theirs.fileno(), write))
        ours.sendall(hello)
        ours.settimeout(_BOUND_S)
        while not any(
            isinstance(message, Notice) and message.name == NoticeName.READY
            for message in session.receive(ours.recv(1 << 16))
        ):
            continue
        seconds = time.perf_counter() - began
        theirs.close()
        os.close(write)
        child = Child(ours, session, read, seconds)
        while not child.pid:
            message, descriptors = self._hear()
            match message:
                case Born(pid=pid):
                    child.pid, (child.pidfd, *_) = pid, descriptors
                case Ended(pid=pid):
                    self._ended.add(pid)
                case Stillborn(problem=problem):
                    raise AssertionError(problem)
                case Up():
                    raise AssertionError("a zygote comes up once")
        return child

    def await_end(self, child: Child) -> None:
        """Wait until the zygote has reaped it."""
        while child.pid not in self._ended:
            message, _ = self._hear()
            if isinstance(message, Ended):
                self._ended.add(message.pid)
        self._ended.discard(child.pid)

    def memory_mib(self) -> float:
        """The memory of the zygote and of all its workers together, each page counted once, in MiB."""
        return sum(_pss_mib(pid) for pid in _family(self._popen.pid))

    def _hear(self) -> tuple[FromZygote, tuple[int, ...]]:
        assert self._arrived.poll(_BOUND_S * 1000), f"the zygote {self.name} says nothing"
        heard = self._control.receive()
        assert heard is not None, f"the zygote {self.name} is gone"
        return heard


def _pss_mib(pid: int) -> float:
    """The memory of a process, what it shares with n others counted as one n-th, in MiB; none once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def strict_midwife() -> Midwife:
    """Of a zygote of sandboxed workers, as the product starts it."""
    return _midwife("strict", ZygoteSpec.of(python=sys.executable, tier=Tier.STRICT), "--sandbox")


def trusted_midwife() -> Midwife:
    """Of a zygote of trusted workers, as the product starts it where there is bubblewrap."""
    spec = ZygoteSpec.of(python=sys.executable, tier=Tier.PROCESS, environment=os.environ)
    return _midwife("trusted", spec, "--nests")


def _midwife(name: str, spec: ZygoteSpec, ability: str) -> Midwife:
    command = zygote_command(spec)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    popen = subprocess.Popen(
        (*command.argv, "--control", str(theirs.fileno()), ability),
        stdin=subprocess.DEVNULL,
        env=command.environment,
        cwd=command.cwd,
        pass_fds=(*command.pass_fds, theirs.fileno()),
    )
    theirs.close()
    command.started()
    return Midwife(name, plan_for(spec), popen, Control(ours))


def bare_midwife() -> Midwife:
    """Of one whose forks are confined by nothing."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    popen = subprocess.Popen(
        [sys.executable, "-P", str(_BARE), "--control", str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        pass_fds=(theirs.fileno(),),
        env={**os.environ, "DSPASH_PARENT": str(os.getpid())},
    )
    theirs.close()
    return Midwife("bare", ConfinementPlan(tier=Tier.PROCESS, layers=frozenset()), popen, Control(ours))


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(word) for word in (task / "children").read_text().split()]
    return found
