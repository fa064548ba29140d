"""Launch: starts one worker process, with its channel, its stderr and whatever holds it together."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
from dataclasses import dataclass
from typing import Final

from dspash.bridge.channel import SOCKET_BUFFER_BYTES
from dspash.bridge.descendants import MARK
from dspash.bridge.process import Group, Namespace, Process
from dspash.bridge.stderr_tail import StderrTail
from dspash.sandbox.containment import Containment
from dspash.sandbox.reaping import reaped
from dspash.sandbox.sigchld import heeding_children

__all__ = ["PARENT", "LaunchSpec", "end_unborn", "launch"]

INFO_TIMEOUT_S: Final = 5.0  # bubblewrap says its child's pid within a few ms
PARENT: Final = "DSPASH_PARENT"  # what a worker reads: the pid of the process it is to die with


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to start: an interpreter that has `module`, its arguments and variables, and what holds it together."""

    python: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    containment: Containment
    cwd: str | None = None
    module: str = "dspash_worker"


def launch(spec: LaunchSpec) -> tuple[Process, socket.socket]:
    """Start a worker; return it and our end of its channel.

    Call it from a thread that lives as long as the worker: the kernel ties a parent-death signal to that thread.
    Raises OSError when the process cannot be started; nothing is left behind then.
    """
    with contextlib.ExitStack() as undo, contextlib.ExitStack() as given_away:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        undo.callback(ours.close)
        given_away.callback(theirs.close)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        stderr_read, stderr_write = os.pipe()
        undo.callback(os.close, stderr_read)
        given_away.callback(os.close, stderr_write)
        start = _start_in_namespace if spec.containment.wraps else _start_in_group
        stderr = StderrTail(stderr_read)
        pid, held_by = start(spec, theirs.fileno(), stderr_write)
        undo.callback(held_by.close)
        undo.callback(end_unborn, pid, held_by.END)
        process = Process(pid, _open_pidfd(pid), held_by, stderr)
        undo.pop_all()
        return process, ours


def _start_in_group(spec: LaunchSpec, channel: int, stderr: int) -> tuple[int, Group]:
    mark = secrets.token_hex(8)
    environment = {**spec.environment, PARENT: str(os.getpid()), MARK: mark}
    pid = _spawn(heeding_children(_worker_command(spec)), environment, spec.cwd, channel, stderr)
    return pid, Group(pid, mark)


def _start_in_namespace(spec: LaunchSpec, channel: int, stderr: int) -> tuple[int, Namespace]:
    info_read, info_write = os.pipe()
    try:
        try:
            wrapper = [*spec.containment.command, "--info-fd", str(info_write), "--"]
            command = reaped([*wrapper, *_worker_command(spec)])
            pid = _spawn(command, spec.environment, spec.cwd, channel, stderr, info_write)
        finally:
            os.close(info_write)
        try:
            init = _read_init_pid(info_read)
            return pid, Namespace(pid, init, None if init is None else _open_pidfd_unless_gone(init))
        except (OSError, ValueError) as error:
            end_unborn(pid, Namespace.END)
            raise OSError(f"bubblewrap did not say what it started: {error}") from error
    finally:
        os.close(info_read)


def _worker_command(spec: LaunchSpec) -> list[str]:
    return [spec.python, "-P", "-m", spec.module, *spec.arguments]


def _spawn(
    command: list[str], environment: dict[str, str], cwd: str | None, channel: int, stderr: int, *passed: int
) -> int:
    popen = subprocess.Popen(
        command,
        stdin=channel,
        stdout=channel,
        stderr=stderr,
        env=environment,
        cwd=cwd,
        pass_fds=passed,
        start_new_session=True,  # signals from the host's terminal are the host's to handle
    )
    # So that it leaves the reaping to us: it would not tell a stolen status from an exit.
    popen.returncode = 0
    return popen.pid


def end_unborn(pid: int, how: signal.Signals) -> None:
    """End a process of ours that was never handed out, by the signal that also ends what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _read_init_pid(info: int) -> int | None:
    """The pid of the namespace's first process, as bubblewrap tells it; None when it ended without a word."""
    arrived = select.poll()
    arrived.register(info, select.POLLIN)
    text = b""
    while b"}" not in text:
        piece = os.read(info, 4096) if arrived.poll(INFO_TIMEOUT_S * 1000) else b""
        if not piece:
            return None
        text += piece
    return int(json.loads(text)["child-pid"])


def _open_pidfd(pid: int) -> int | None:
    """A descriptor for the process, where the system has such a thing. Raises OSError."""
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None


def _open_pidfd_unless_gone(pid: int) -> int | None:
    try:
        return _open_pidfd(pid)
    except ProcessLookupError:
        return None  # it could not even begin, and its stderr says why
