"""Process: one operating-system process of a worker, from its start to its being reaped."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dspash.bridge.channel import SOCKET_BUFFER_BYTES
from dspash.bridge.containment import Containment
from dspash.supervision import Exited, Signalled, exit_from_returncode

__all__ = ["LaunchSpec", "Process", "launch"]

STDERR_LINES: Final = 50
STDERR_LINE_BYTES: Final = 2_000
INFO_TIMEOUT_S: Final = 10.0  # bubblewrap says its child's pid within a few ms


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to start: an interpreter that has dspash_worker, its arguments and variables, and what holds it together."""

    python: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    containment: Containment
    cwd: str | None = None


class Process:
    """A started worker. `pid` is the interpreter's own, as the host sees it."""

    def __init__(
        self, popen: subprocess.Popen[bytes], stderr: int, *, wrapped: bool, init_pid: int | None
    ) -> None:
        self._popen = popen
        self._wrapped = wrapped
        self._init_pid = init_pid
        self._pid: int | None = None if wrapped else popen.pid
        self._sent: set[int] = set()
        self._stderr = stderr
        self._lines: deque[str] = deque(maxlen=STDERR_LINES)
        self._line = bytearray()
        self.pidfd: int | None = os.pidfd_open(popen.pid) if hasattr(os, "pidfd_open") else None
        self.exit: Exited | Signalled | None = None

    def __repr__(self) -> str:
        return f"<Process {self.pid} {self.exit.describe() if self.exit else 'running'}>"

    @property
    def pid(self) -> int:
        """The interpreter's pid; until its wrapper has started it, the wrapper's."""
        if self._pid is None:
            self._pid = _only_child_of(self._init_pid)
        return self._pid or self._popen.pid

    @property
    def stderr_fd(self) -> int:
        """Where the worker's stderr is read from; -1 once closed."""
        return self._stderr

    @property
    def stderr_tail(self) -> tuple[str, ...]:
        """The last lines it wrote, oldest first."""
        last = (self._line.decode(errors="replace"),) if self._line else ()
        return (*self._lines, *last)[-STDERR_LINES:]

    def read_stderr(self) -> bool:
        """Keep what it wrote; False at the end of the stream. Never waits."""
        while True:
            try:
                data = os.read(self._stderr, 1 << 16)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            *whole, rest = data.split(b"\n")
            for piece in whole:
                self._line += piece[:STDERR_LINE_BYTES]
                self._lines.append(self._line[:STDERR_LINE_BYTES].decode(errors="replace"))
                self._line.clear()
            self._line += rest[: STDERR_LINE_BYTES - len(self._line)]

    def poll(self) -> Exited | Signalled | None:
        """How it ended, reaping it; None while it runs."""
        if self.exit is None and (code := self._popen.poll()) is not None:
            self.exit = exit_from_returncode(code, wrapped=self._wrapped, sent=self._sent)
        return self.exit

    def wait(self, timeout_s: float) -> Exited | Signalled | None:
        """Like poll, after at most `timeout_s` seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout_s)
        return self.poll()

    def kill(self) -> None:
        """End it and all it started, now. What is left of it is gone within milliseconds."""
        if self.poll() is not None:
            return
        self._sent.add(signal.SIGKILL)
        if self._init_pid is not None:
            # The namespace's first process takes every other one with it. It cannot have been replaced by a stranger
            # of the same pid: its parent, the wrapper, runs and has not reaped it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init_pid, signal.SIGKILL)
        elif os.getpgid(0) != self._popen.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()

    def close(self) -> None:
        """Let go of the descriptors; the process has been reaped."""
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1
        if self.pidfd is not None:
            os.close(self.pidfd)
            self.pidfd = None


def launch(spec: LaunchSpec) -> tuple[Process, socket.socket]:
    """Start a worker; return it and our end of its channel.

    Call it from a thread that lives as long as the worker: the kernel ties a parent-death signal to that thread.
    Raises OSError when the process cannot be started; nothing is left behind then.
    """
    with contextlib.ExitStack() as undo:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        undo.callback(ours.close)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        stderr_read, stderr_write = os.pipe()
        undo.callback(os.close, stderr_read)
        with theirs, _closing(stderr_write):
            popen, init_pid = _start(spec, theirs, stderr_write)
        os.set_blocking(stderr_read, False)
        process = Process(popen, stderr_read, wrapped=spec.containment.wraps, init_pid=init_pid)
        undo.pop_all()
        return process, ours


def _start(
    spec: LaunchSpec, channel: socket.socket, stderr: int
) -> tuple[subprocess.Popen[bytes], int | None]:
    worker = [spec.python, "-P", "-m", "dspash_worker", *spec.arguments]
    if not spec.containment.wraps:
        environment = {**spec.environment, "DSPASH_PARENT": str(os.getpid())}
        return _popen(worker, spec, environment, channel, stderr), None
    info_read, info_write = os.pipe()
    with _closing(info_read):
        with _closing(info_write):
            command = [*spec.containment.command, "--info-fd", str(info_write), "--", *worker]
            popen = _popen(command, spec, spec.environment, channel, stderr, info_write)
        try:
            return popen, _read_init_pid(info_read)
        except (OSError, ValueError):
            popen.kill()
            popen.wait()
            raise


def _popen(
    command: list[str],
    spec: LaunchSpec,
    environment: dict[str, str],
    channel: socket.socket,
    stderr: int,
    *passed: int,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=channel.fileno(),
        stdout=channel.fileno(),
        stderr=stderr,
        env=environment,
        cwd=spec.cwd,
        pass_fds=passed,
        start_new_session=True,  # signals from the host's terminal are the host's to handle
    )


def _read_init_pid(info: int) -> int | None:
    """The pid of the namespace's first process, as bubblewrap tells it; None when it ended without a word."""
    text = b""
    while b"}" not in text:
        readable, _, _ = select.select([info], [], [], INFO_TIMEOUT_S)
        piece = os.read(info, 4096) if readable else b""
        if not piece:
            return None
        text += piece
    return int(json.loads(text)["child-pid"])


def _only_child_of(pid: int | None) -> int | None:
    if pid is None:
        return None
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


class _closing:  # noqa: N801 - reads as a verb, like contextlib's own
    """Close a descriptor at the end of a block."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
