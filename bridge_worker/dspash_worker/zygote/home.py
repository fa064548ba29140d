"""Home: the zygote's own PID namespace, from which it forks children into others."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from dspash_worker.confinement import kernel
from dspash_worker.confinement.namespaces import CLONE_NEWPID

__all__ = ["Home", "may_leave"]

_CAP_SYS_ADMIN: Final = 21


def may_leave() -> bool:
    """Whether this process may have its children in other PID namespaces. Raises OSError."""
    return kernel.has_capability(_CAP_SYS_ADMIN)


class Home:
    """The way out and back. Children are forked here, but for those forked in a block of these."""

    def __init__(self) -> None:
        """Raises OSError where /proc is not to be seen."""
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def outside(self) -> AbstractContextManager[None]:
        """The one child forked in the block is the first process of a new namespace."""
        return self._away(functools.partial(kernel.unshare, CLONE_NEWPID))

    def beside(self, pidfd: int) -> AbstractContextManager[None]:
        """Children forked in the block live in the namespace of that process."""
        return self._away(functools.partial(kernel.setns, pidfd, CLONE_NEWPID))

    @contextmanager
    def _away(self, go: Callable[[], None]) -> Generator[None]:
        go()
        try:
            yield
        finally:
            try:
                kernel.setns(self._own, CLONE_NEWPID)
            except OSError as error:  # no birth that failed, but the end of all births
                raise RuntimeError("a zygote that cannot come back from a namespace is of no use") from error
