"""Programs: what the kernel runs before each system call of a confined process."""

from __future__ import annotations

import functools

from dspash_worker.confinement import kernel
from dspash_worker.confinement.architecture import this_architecture
from dspash_worker.confinement.seccomp.assembler import assemble
from dspash_worker.confinement.seccomp.decision import decide
from dspash_worker.confinement.seccomp.inner import inner_policy
from dspash_worker.confinement.seccomp.outer import outer_policy

__all__ = ["inner_program", "install", "outer_program"]


@functools.cache
def inner_program(*, pid: int, own_mounts: bool) -> bytes:
    """Return the filter of a worker, for this machine. Raises OSError where there is none for it.

    Made once in a process and its forks.
    """
    architecture = this_architecture()
    return assemble(decide(inner_policy(pid=pid, own_mounts=own_mounts), architecture))


def outer_program() -> bytes:
    """Return the filter of a zygote, for this machine. Raises OSError where there is none for it."""
    return assemble(decide(outer_policy(), this_architecture()))


def install(program: bytes) -> None:
    """Put all threads of this process under a filter, for good. Needs no_new_privs. Raises OSError."""
    kernel.set_seccomp_filter(program)
