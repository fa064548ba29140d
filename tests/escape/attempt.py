"""Attempt: one program that tries to get out of the sandbox, and how one can tell that it did."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum

__all__ = ["Attempt", "Control", "Need", "Proof"]


class Proof(StrEnum):
    """What shows that an attempt succeeded; all but the last are looked at from outside."""

    TOLD = "told"  # a planted secret is in what came out
    SEEN = "seen"  # the attempt's mark, or a change that it made, was seen outside or in another call
    PASSED = "passed"  # the answer is the number that only the neighbour was given
    SHOWN = "shown"  # what is shown to people carries terminal control characters or a forged line
    FLOODED = "flooded"  # more came out than one call may say
    SAID = "said"  # the answer is true: nothing outside can see it


class Control(StrEnum):
    """What runs the attempt with nothing in its way."""

    PROCESS = "process"  # a plain process that executes it
    WORKER = "worker"  # a trusted worker of the bridge, which has a host that listens


class Need(StrEnum):
    """What an attempt cannot work without, sandbox or not; each is probed by needs.py."""

    ROOT = "root"
    X86_64 = "x86_64"
    IA32 = "ia32"  # the kernel runs 32-bit system calls
    RAISING = "raising"  # root may raise hard limits
    PORTS = "ports"  # the processor's ports may be opened to a process
    IPV6 = "ipv6"
    IO_URING = "io_uring"
    PERF = "perf"  # performance counters of one's own process
    USERNS = "userns"  # an ordinary process may make user namespaces
    VSOCK = "vsock"
    AF_ALG = "af_alg"
    MPTCP = "mptcp"
    KEYS = "keys"  # keyrings
    SYSV = "sysv"  # System V IPC
    MQ = "mq"  # POSIX message queues
    DISK = "disk"  # a block device behind the root folder that root may read
    KCORE = "kcore"
    KMSG = "kmsg"
    KALLSYMS = "kallsyms"
    CGROUPFS = "cgroupfs"  # writable by us
    LISTMOUNT = "listmount"
    FUTEX2 = "futex2"
    CACHESTAT = "cachestat"
    KCMP = "kcmp"
    PAGE_CACHE = "page_cache"  # a file system whose cached pages can be let go
    HANDLES = "handles"  # a file system that opens files by handle


@dataclass(frozen=True, slots=True)
class Attempt:
    """A program text that defines `attempt(planted)`, and for a pair of workers also `neighbour(planted)`.

    `planted` is the map of planted.Garden.targets. The text follows the one of armoury.py. `limits` are those of
    `dspash.Limits` that the call is given; nothing bounds it without a sandbox. What is raised counts as stopped.
    """

    name: str
    goal: str
    source: str
    _: KW_ONLY
    proof: Proof
    needs: frozenset[Need] = frozenset()
    control: Control = Control.PROCESS
    limits: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", textwrap.dedent(self.source).strip() + "\n")

    @property
    def is_pair(self) -> bool:
        """Whether it takes two workers, one of which sends and the other listens."""
        return "def neighbour(" in self.source
