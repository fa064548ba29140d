"""MemoryGroups: has the kernel itself limit the memory of sandboxed workers, where it lets this user ask for that."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from loguru import logger

from dspash.sandbox.cgroup import Absent, Cgroup, Hierarchy, MemoryCgroups, find_memory_cgroups

__all__ = ["Member", "MemoryGroups"]

END_S: Final = 2.0  # for the groups of workers that are just being killed
LOOK_S: Final = 0.01
MOST_FREE: Final = 64  # kept for workers to come


class Member(Protocol):
    """A process by the number that this host knows it by."""

    @property
    def pid(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Group:
    """A group, and how much memory its processes may use together."""

    cgroup: Cgroup
    memory_bytes: int


class MemoryGroups:
    """One group a worker, looked after by a thread of its own: to move a process into one takes 10 to 20 ms after a
    pause, and nobody is to wait for that. A group that its worker has not filled is a later one's. From any thread.

    It comes on top of what the worker's own limits and looks from outside hold: those count neither memory that is
    shared nor what happens between two looks.
    """

    def __init__(self, find: Callable[[], MemoryCgroups] = find_memory_cgroups) -> None:
        self._find = find
        self._jobs: queue.SimpleQueue[tuple[Member, int] | Member | None] = queue.SimpleQueue()
        self._groups: dict[Member, _Group] = {}
        self._free: list[_Group] = []
        self._emptying: list[Cgroup] = []
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # over the thread's start
        self._failed = False

    def __repr__(self) -> str:
        return (
            f"<MemoryGroups groups={len(self._groups)} free={len(self._free)} emptying={len(self._emptying)}>"
        )

    def enrol(self, member: Member, memory_bytes: int) -> None:
        """Limit a process that exists, soon. Nothing happens where no group can be made."""
        self._jobs.put((member, memory_bytes))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dspash-cgroups", daemon=True)
                self._thread.start()

    def killed_at(self, member: Member) -> int | None:
        """How much its group had used, in bytes, when the kernel killed a process of it for that; None if it has not."""
        group = self._groups.get(member)
        if group is None or not group.cgroup.oom_kills():
            return None
        return group.cgroup.peak_bytes() or 0

    def dismiss(self, member: Member) -> None:
        """Its process has ended: remove its group."""
        if self._thread is not None:
            self._jobs.put(member)

    def close(self) -> None:
        """Remove every group, once the processes are dead, and end the thread. Returns within some seconds."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._jobs.put(None)
            thread.join(END_S + 1.0)

    # --- in the thread ---

    def _run(self) -> None:
        found = self._find()
        if isinstance(found, Absent):
            logger.debug("the kernel does not limit the memory of workers: {}", found.reason)
        while (job := self._jobs.get()) is not None:
            match job:
                case (member, memory_bytes):
                    if isinstance(found, Hierarchy):
                        self._enrol(found, member, memory_bytes)
                case member:
                    self._leave(member)
            self._sweep()
        for member in list(self._groups):
            self._leave(member)
        self._emptying += [group.cgroup for group in self._free]
        self._free.clear()
        until = time.monotonic() + END_S
        while self._emptying and time.monotonic() < until:
            self._sweep()
            time.sleep(LOOK_S)

    def _enrol(self, hierarchy: Hierarchy, member: Member, memory_bytes: int) -> None:
        try:
            group = self._groups[member] = self._take(hierarchy, memory_bytes)
            group.cgroup.add(member.pid)
        except ProcessLookupError:
            pass  # it has ended already, and will be dismissed
        except OSError as error:
            self._tell(error)

    def _leave(self, member: Member) -> None:
        group = self._groups.pop(member, None)
        if group is None:
            return
        if len(self._free) < MOST_FREE and not group.cgroup.oom_kills():  # which the kernel never counts anew
            self._free.append(group)
        else:
            self._emptying.append(group.cgroup)

    def _take(self, hierarchy: Hierarchy, memory_bytes: int) -> _Group:
        """A free group of this size, or a new one. Raises OSError."""
        group = next((group for group in self._free if group.memory_bytes == memory_bytes), None)
        if group is None:
            return _Group(hierarchy.make(memory_bytes), memory_bytes)
        self._free.remove(group)
        return group

    def _sweep(self) -> None:
        self._emptying = [group for group in self._emptying if not group.remove()]

    def _tell(self, error: OSError) -> None:
        """Once: what held for the first worker will hold for the next thousand."""
        if not self._failed:
            self._failed = True
            logger.warning("the kernel does not limit a worker's memory: {}", error)
