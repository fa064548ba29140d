"""Rlimits: what one process may use, held by the kernel."""

from __future__ import annotations

import resource
from typing import Final

from dspash_protocol.confinement_plan import ResourceLimits

__all__ = ["apply"]

_STACK_BYTES: Final = 8 * 1024 * 1024
_PENDING_SIGNALS: Final = 64
_NO_CORE: Final = 1
"""Bytes of a core file: too few for one, and unlike 0 also what keeps a crash from starting the host's core handler."""

_FIXED: Final = {
    resource.RLIMIT_CORE: _NO_CORE,
    resource.RLIMIT_MEMLOCK: 0,
    resource.RLIMIT_MSGQUEUE: 0,
    resource.RLIMIT_NICE: 0,
    resource.RLIMIT_RTPRIO: 0,
    resource.RLIMIT_SIGPENDING: _PENDING_SIGNALS,
    resource.RLIMIT_STACK: _STACK_BYTES,
}


def apply(limits: ResourceLimits, *, own_users: bool) -> None:
    """Lower the limits, soft and hard alike, of this process and all it starts. Raises OSError.

    Past its CPU seconds the kernel kills it. The kernel counts threads for a user in a user namespace: without one of
    its own (`own_users`) a worker would be held to account for everybody's, so there the number of threads is limited
    by their stacks' share of the memory only.
    """
    wanted = {
        resource.RLIMIT_AS: limits.address_space_bytes,
        resource.RLIMIT_DATA: limits.data_bytes,
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_NPROC: limits.threads if own_users else 0,
    }
    for limit, value in (_FIXED | {limit: value for limit, value in wanted.items() if value}).items():
        _, hard = resource.getrlimit(limit)
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (lowest, lowest))
