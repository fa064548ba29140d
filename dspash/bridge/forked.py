"""ForkedProcess: a worker that a zygote forks, from the request until the zygote has told its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from dspash.bridge.descendants import end_marked
from dspash.bridge.gauge import read_kernel
from dspash.supervision import (
    Exited,
    ReapedElsewhere,
    Signalled,
    StartFailed,
    ZygoteLost,
    exit_from_wait_status,
)

if TYPE_CHECKING:
    from dspash.bridge.pump import Pump
    from dspash.bridge.stderr_tail import StderrTail
    from dspash_protocol.birth import Ended

__all__ = ["ForkedEnd", "ForkedProcess"]

ForkedEnd: TypeAlias = Exited | Signalled | ReapedElsewhere | StartFailed | ZygoteLost


class ForkedProcess:
    """How such a worker can be watched and killed. Every method may be called from any thread, unless it says otherwise.

    It can be used before it is born: what is asked of it then is done at its birth. It is the zygote's child, which
    reaps it and tells how it ended. `mark` is what its descendants are known by; empty where a namespace holds them.
    """

    TELLS_END: ClassVar = True
    """Whether it is told by `when_reaped`, and need not be looked for."""

    def __init__(self, stderr: StderrTail, mark: str) -> None:
        self.stderr = stderr
        self.pid = 0
        """Its pid as this process sees it; 0 until it is born."""
        self.cpu_s: float | None = None
        self.peak_memory_bytes: int | None = None
        """CPU time and most resident memory, as wait4 told them; None until it has ended."""
        self._mark = mark
        self._pidfds: tuple[int, ...] = ()  # its own; and its namespace's, whose end ends all in it
        self._sent: set[int] = set()
        self._end: ForkedEnd | None = None
        self._has_ended = threading.Event()
        self._is_closed = False
        self._on_end: Callable[[], None] | None = None
        self._on_reaped: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        state = self._end.describe() if self._end else "running" if self.pid else "unborn"
        return f"<ForkedProcess {self.pid} {state}>"

    # --- what its zygote tells, on the pump's thread ---

    def born(self, pidfds: Sequence[int]) -> None:
        """It exists. The descriptors are its own from now on."""
        with self._lock:
            self._pidfds = tuple(pidfds)
            self.pid = _pid_of(pidfds[0])
            is_doomed, is_forgotten = bool(self._sent), self._is_closed
        if is_doomed or is_forgotten:
            self._signal()
        if is_forgotten:
            self.close()

    def ended(self, ended: Ended) -> None:
        """It was reaped."""
        self.cpu_s = ended.cpu_s
        self.peak_memory_bytes = ended.peak_memory_bytes
        self.lost(exit_from_wait_status(ended.status, wrapped=False, sent=self._sent))

    def lost(self, end: ForkedEnd) -> None:
        """Nothing more will be heard of it: it has ended so, or never was."""
        with self._lock:
            if self._end is not None:
                return
            self._end = end
        self._signal()  # what its namespace still holds; and itself, should its zygote have gone before it
        self._has_ended.set()
        for tell in (self._on_end, self._on_reaped):
            if tell is not None:
                tell()

    # --- what its owner does ---

    def watch(self, pump: Pump, on_end: Callable[[], None]) -> None:
        """Have `on_end` called on the pump's thread when it ends. On that thread."""
        self._on_end = on_end
        if self._end is not None:
            pump.run(on_end)

    def when_reaped(self, then: Callable[[], None]) -> None:
        """Have `then` called, on the pump's thread, once it can be told how it ended. Before it has."""
        self._on_reaped = then

    def unwatch(self, pump: Pump) -> None:
        """Have nothing called any more, and let the pump forget its descriptor. On the pump's thread."""
        self._on_end = None
        pump.unwatch(self.fileno())

    def fileno(self) -> int:
        """A descriptor that becomes readable when it ends; -1 before its birth, and once closed."""
        return next(iter(self._pidfds), -1)

    def runs(self) -> bool:
        """Whether it still runs, as the kernel knows before its zygote tells."""
        if self._end is not None:
            return False
        ended = select.poll()
        with self._lock:
            if not self._pidfds:
                return True
            ended.register(self._pidfds[0], select.POLLIN)
            return not ended.poll(0)

    def poll(self) -> ForkedEnd | None:
        """How it ended; None while it runs, or is still to be reaped."""
        return self._end

    def wait(self, timeout_s: float) -> ForkedEnd | None:
        """Like poll, after at most `timeout_s` seconds. Not on the pump's thread."""
        self._has_ended.wait(timeout_s)
        return self._end

    def kill(self) -> None:
        """End it and all it started, now; before its birth, as soon as it is born."""
        with self._lock:
            if self._end is not None:
                return
            self._sent.add(signal.SIGKILL)
        self._signal()

    def sweep(self) -> None:
        """End what has escaped it. Once it has ended; takes some ms where there is no namespace."""
        if self._mark and sys.platform == "linux":
            end_marked(self._mark)

    def close(self) -> None:
        """Let go of the descriptors; it has ended, or is given up."""
        self.stderr.close()
        with self._lock:
            self._is_closed = True
            pidfds, self._pidfds = self._pidfds, ()
        for pidfd in pidfds:
            os.close(pidfd)

    def _signal(self) -> None:
        """Kill what is left, its namespace first: what is in there then cannot outlive it."""
        with self._lock:
            for pidfd in reversed(self._pidfds):
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _pid_of(pidfd: int) -> int:
    """The number that this process knows it by; 0 when it has been reaped already."""
    for line in read_kernel(f"/proc/self/fdinfo/{pidfd}").splitlines():
        if line.startswith("Pid:"):
            return max(0, int(line.split()[1]))
    return 0
