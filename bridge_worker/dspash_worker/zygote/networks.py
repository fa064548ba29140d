"""Networks: empty network namespaces, one for each worker that lives.

The kernel takes 0.7 ms to make one and half of that to remove it, so one whose worker has ended is the next worker's.
Nothing can be left in it: it is the zygote's user namespace's, in which no worker has a capability, so nothing is ever
set up there, its loopback neither; and what a process holds there ends with the process.
"""

from __future__ import annotations

import os
from typing import Final

from dspash_worker.confinement import kernel
from dspash_worker.confinement.namespaces import CLONE_NEWNET

__all__ = ["Networks"]

MOST_KEPT: Final = 64
"""Without a worker; each is a descriptor, and some hundred KiB of the kernel's."""

_OWN: Final = "/proc/self/ns/net"


class Networks:
    """Those that no worker lives in. A zygote needs none of its own, and stays in that of its last worker."""

    def __init__(self) -> None:
        self._free: list[int] = []

    def __repr__(self) -> str:
        return f"<Networks free={len(self._free)}>"

    def enter(self) -> int:
        """Enter one that no worker lives in; return its descriptor, to be given back. Needs CAP_SYS_ADMIN; raises OSError."""
        if not self._free:
            kernel.unshare(CLONE_NEWNET)
            return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        kernel.setns(self._free[-1], CLONE_NEWNET)
        return self._free.pop()

    def give_back(self, network: int) -> None:
        """Its worker has been reaped."""
        if len(self._free) < MOST_KEPT:
            self._free.append(network)
        else:
            os.close(network)
