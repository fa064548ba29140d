"""Process: one operating-system process of a worker, until it has ended and been reaped."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from dspash.bridge.descendants import end_marked
from dspash.bridge.stderr_tail import StderrTail
from dspash.supervision import Exited, ReapedElsewhere, Signalled, exit_from_returncode

if TYPE_CHECKING:
    from dspash.bridge.pump import Pump

__all__ = ["Group", "Namespace", "Process", "ProcessEnd"]

ProcessEnd: TypeAlias = Exited | Signalled | ReapedElsewhere
LOOK_S: Final = 0.005  # between looks at a process, where the system cannot say that it has ended


class Group:
    """A worker that leads a process group of its own, and marks what it starts with `mark`."""

    END: ClassVar = signal.SIGKILL
    """The signal that ends the process we started."""

    def __init__(self, leader: int, mark: str) -> None:
        self._leader = leader
        self._mark = mark

    @property
    def worker_pid(self) -> int:
        """The interpreter's pid: the process we started."""
        return self._leader

    def kill(self) -> None:
        """End all that is in the group. Only while the leader was not reaped, so that the number is its own."""
        if self._leader != os.getpgid(0):  # never our own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader, signal.SIGKILL)

    def sweep(self) -> None:
        """End what had left the group. Takes some ms."""
        if sys.platform == "linux":
            end_marked(self._mark)

    def close(self) -> None:
        """Nothing is held."""


class Namespace:
    """A worker in a PID namespace, whose first process takes all others with it; above it, a reaper."""

    END: ClassVar = signal.SIGTERM
    """The signal that ends the process we started: an order to the reaper, which kills all there is."""

    def __init__(self, wrapper: int, init: int | None, init_pidfd: int | None) -> None:
        self._wrapper = wrapper
        self._init = init
        self._init_pidfd = init_pidfd
        self._worker: int | None = None

    @property
    def worker_pid(self) -> int:
        """The interpreter's pid as the host sees it; until the wrapper has started it, the wrapper's."""
        if self._worker is None:
            self._worker = _first_child_of(self._init)
        return self._worker or self._wrapper

    def kill(self) -> None:
        """End everything inside, and so the wrapper."""
        if self._init_pidfd is not None:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._init_pidfd, signal.SIGKILL)

    def sweep(self) -> None:
        """Nothing can have left it."""

    def close(self) -> None:
        """Let go of the descriptor."""
        if self._init_pidfd is not None:
            os.close(self._init_pidfd)
            self._init_pidfd = None


class Process:
    """A started worker: how it can be watched, killed and reaped. Every method may be called from any thread.

    The host may do as it likes with its children: ignore SIGCHLD, or wait for any of them. Then how this one ended is
    unknown, and that it did is not.
    """

    TELLS_END: ClassVar = False
    """Whether it is told by `when_reaped`, and need not be looked for."""

    def __init__(self, pid: int, pidfd: int | None, held_by: Group | Namespace, stderr: StderrTail) -> None:
        self.stderr = stderr
        self.cpu_s: float | None = None
        self.peak_memory_bytes: int | None = None
        """CPU time and most resident memory, where whoever reaps it is told; not here."""
        self._child = pid
        self._pidfd = pidfd
        self._held_by = held_by
        self._sent: set[int] = set()
        self._end: ProcessEnd | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Process {self.pid} {self._end.describe() if self._end else 'running'}>"

    @property
    def pid(self) -> int:
        """The interpreter's pid; until its wrapper has started it, the wrapper's."""
        return self._held_by.worker_pid

    def fileno(self) -> int:
        """A descriptor that becomes readable when the process ends; -1 where the system has none, or once closed."""
        return -1 if self._pidfd is None else self._pidfd

    def watch(self, pump: Pump, on_end: Callable[[], None]) -> None:
        """Have `on_end` called once, on the pump's thread, when it ends. On that thread."""

        def tell(_events: int) -> None:
            self.unwatch(pump)
            on_end()

        pump.watch(self.fileno(), tell)

    def unwatch(self, pump: Pump) -> None:
        """Have nothing called any more. On the pump's thread."""
        pump.unwatch(self.fileno())

    def when_reaped(self, then: Callable[[], None]) -> None:
        """Nobody tells: that it was reaped is to be looked for."""

    def runs(self) -> bool:
        """Whether it still runs."""
        return self.poll() is None

    def poll(self) -> ProcessEnd | None:
        """How it ended, reaping it; None while it runs. What was left in its group is killed with it."""
        with self._lock:
            return self._poll()

    def wait(self, timeout_s: float) -> ProcessEnd | None:
        """Like poll, after at most `timeout_s` seconds."""
        until = time.monotonic() + timeout_s
        if self._pidfd is not None:
            ended = select.poll()
            ended.register(self._pidfd, select.POLLIN)
            ended.poll(timeout_s * 1000)
        else:
            while self.poll() is None and time.monotonic() < until:
                time.sleep(LOOK_S)
        return self.poll()

    def kill(self) -> None:
        """End it and all it started, now. What is left of it is gone within milliseconds."""
        with self._lock:
            if self._poll() is not None:
                return
            self._sent |= {signal.SIGKILL, self._held_by.END}
            self._held_by.kill()
            with contextlib.suppress(OSError):
                if self._pidfd is None:
                    os.kill(self._child, self._held_by.END)
                else:
                    signal.pidfd_send_signal(self._pidfd, self._held_by.END)

    def sweep(self) -> None:
        """End what has escaped it. Once it has been reaped; takes some ms where there is no namespace."""
        self._held_by.sweep()

    def close(self) -> None:
        """Let go of the descriptors; the process has been reaped."""
        self.stderr.close()
        self._held_by.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def _poll(self) -> ProcessEnd | None:
        if self._end is None:
            try:
                code = self._reap()
            except ChildProcessError:
                self._end = ReapedElsewhere()
            else:
                if code is not None:
                    wrapped = isinstance(self._held_by, Namespace)
                    self._end = exit_from_returncode(code, wrapped=wrapped, sent=self._sent)
        return self._end

    def _reap(self) -> int | None:
        """Its return code, as subprocess has it. Raises ChildProcessError when somebody else has taken that."""
        if self._pidfd is None:
            pid, status = os.waitpid(self._child, os.WNOHANG)
            return None if pid == 0 else os.waitstatus_to_exitcode(status)
        if os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        if isinstance(self._held_by, Group):
            self._held_by.kill()  # what is left in it, while the dead leader keeps the number from others
        found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        if found is None:
            raise ChildProcessError
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _first_child_of(pid: int | None) -> int | None:
    if pid is None:
        return None
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None
