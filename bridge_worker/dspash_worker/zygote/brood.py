"""Brood: the children of a zygote, from their fork to their end."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, field
from typing import Final

from dspash_protocol.birth import Born, Ended, Spawn, Stillborn
from dspash_worker.domain import Domain
from dspash_worker.zygote.control import Control
from dspash_worker.zygote.nest import Nest, Nests
from dspash_worker.zygote.newborn import Newborn, become_worker

__all__ = ["Brood"]

_KIB: Final = 1024  # the unit of Linux's ru_maxrss


@dataclass(slots=True)
class Brood:
    """Forks workers, and tells the host of their birth and of their end."""

    control: Control
    domain: Domain
    nests: Nests | None
    _nest_of: dict[int, Nest | None] = field(default_factory=dict[int, "Nest | None"], init=False)

    @property
    def is_empty(self) -> bool:
        """Whether no worker is alive."""
        return not self._nest_of

    def bear(self, spawn: Spawn, channel: int, stderr: int) -> None:
        """Fork a worker, and say what came of it. The descriptors are closed. Raises OSError when the host is gone."""
        try:
            pid, beside = self._fork(spawn, channel, stderr)
        except OSError as error:
            self.control.send(Stillborn(spawn.id, str(error)))
            return
        finally:
            os.close(channel)
            os.close(stderr)
        try:
            self.control.send(Born(spawn.id, pid), beside)
        finally:
            os.close(beside[0])

    def bury(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        """A child has been reaped: end what it leaves behind and tell the host. Raises OSError when the host is gone."""
        if pid in self._nest_of:
            nest = self._nest_of.pop(pid)
            if nest is not None:
                nest.end()
            cpu_s = usage.ru_utime + usage.ru_stime
            self.control.send(Ended(pid, status, cpu_s, usage.ru_maxrss * _KIB))
        elif self.nests is not None:
            self.nests.lose(pid)

    def _fork(self, spawn: Spawn, channel: int, stderr: int) -> tuple[int, tuple[int, ...]]:
        """The worker's pid; its pidfd, which is the caller's, and its nest's."""
        if not spawn.plan.init:
            return self._fork_inside(spawn, channel, stderr, None)
        if self.nests is None:
            raise OSError("this zygote cannot make namespaces")
        nest = self.nests.take()
        try:
            with self.nests.inside(nest):
                return self._fork_inside(spawn, channel, stderr, nest)
        except OSError:
            nest.end()
            raise

    def _fork_inside(
        self, spawn: Spawn, channel: int, stderr: int, nest: Nest | None
    ) -> tuple[int, tuple[int, ...]]:
        pid = os.fork()
        if pid == 0:
            become_worker(Newborn(spawn.plan, channel, stderr, self.domain, spawn.mark, nest))
        pidfd = os.pidfd_open(pid)  # not reaped before this returns, so the number is still its own
        self._nest_of[pid] = nest
        return pid, (pidfd,) if nest is None else (pidfd, nest.pidfd)
