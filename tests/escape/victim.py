"""Victim: a process of the host that sleeps, and what others have done to it."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psutil

__all__ = ["Victim"]

_STACK_BYTES: Final = 1 << 16
_BOUND_S: Final = 10.0
_SETTLE_MS: Final = 5  # for a signal to take effect
_ENDED_OR_HELD: Final = (
    psutil.STATUS_ZOMBIE,
    psutil.STATUS_DEAD,
    psutil.STATUS_STOPPED,
    psutil.STATUS_TRACING_STOP,
)
_SLEEP: Final = "import sys; print(flush=True); sys.stdin.read()"  # ends with whoever has started it


@dataclass(frozen=True, slots=True)
class _State:
    """What another process could change of one."""

    runs: bool
    nice: int
    cores: tuple[int, ...]
    files: tuple[int, int]
    policy: int
    disk: str


class Victim:
    """A Python process in `folder`, with a secret among its variables, one among its arguments, and a file open."""

    def __init__(self, folder: Path, variable: str, argument: str) -> None:
        self._folder = folder
        self._variable = variable
        self._argument = argument
        self._popen: subprocess.Popen[bytes] | None = None
        self._before: _State | None = None
        self._pidfd = -1
        self.fd = -1
        self.stack = (0, 0)

    def __enter__(self) -> Self:
        self.fd = os.open(self._folder / "secret", os.O_RDONLY)
        self.revive()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        os.close(self.fd)

    @property
    def pid(self) -> int:
        """Its pid."""
        assert self._popen is not None
        return self._popen.pid

    def revive(self) -> None:
        """Start it, unless it lives and is as it was."""
        if self._popen is not None and not self.changes():
            return
        self._end()
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _SLEEP, self._argument],
            env={"VICTIM_KEY": self._variable},
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self.fd,),
            start_new_session=True,
        )
        self._pidfd = os.pidfd_open(self._popen.pid)
        assert self._popen.stdout is not None
        assert self._popen.stdout.readline() == b"\n"
        end = self._end_of_stack()
        self.stack = (end - _STACK_BYTES, _STACK_BYTES)
        self._before = self._state()

    def changes(self) -> list[str]:
        """What is no longer as it was."""
        ended = select.poll()
        ended.register(self._pidfd, select.POLLIN)
        ended.poll(_SETTLE_MS)
        before, now = self._before, self._state()
        assert before is not None
        return [
            f"the victim's {name}" for name in _State.__slots__ if getattr(before, name) != getattr(now, name)
        ]

    def _state(self) -> _State:
        try:
            process = psutil.Process(self.pid)
            with process.oneshot():
                return _State(
                    process.status() not in _ENDED_OR_HELD,
                    process.nice(),
                    tuple(process.cpu_affinity() or ()),
                    process.rlimit(psutil.RLIMIT_NOFILE),
                    os.sched_getscheduler(self.pid),
                    str(process.ionice()),
                )
        except (psutil.NoSuchProcess, psutil.ZombieProcess, ProcessLookupError):
            return _State(False, 0, (), (0, 0), 0, "")

    def _end_of_stack(self) -> int:
        for line in Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            if line.endswith("[stack]"):
                return int(line.split()[0].partition("-")[2], 16)
        raise AssertionError("a process has a stack")

    def _end(self) -> None:
        if self._popen is not None:
            with contextlib.suppress(ProcessLookupError):
                self._popen.kill()
            self._popen.wait(_BOUND_S)
            for pipe in (self._popen.stdin, self._popen.stdout):
                assert pipe is not None
                pipe.close()
            os.close(self._pidfd)
            self._popen = None
