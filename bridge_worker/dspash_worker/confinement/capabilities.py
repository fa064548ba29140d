"""Capabilities: none, and no way to any."""

from __future__ import annotations

import errno
from typing import Final

from dspash_worker.confinement import kernel

__all__ = ["drop_all", "forbid_new_privileges", "make_nondumpable"]

_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_DROP: Final = 24
_PR_SET_SECUREBITS: Final = 28
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

_CAP_SETPCAP: Final = 8
_MOST_CAPABILITIES: Final = 64  # the kernel's sets have as many bits

_SECUREBITS: Final = 0b1110_1111
"""NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each locked, and KEEP_CAPS locked off."""


def forbid_new_privileges() -> None:
    """Have no program that is executed from here on gain anything by it: setuid bits, file capabilities."""
    kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_all() -> None:
    """Empty every set: bounding, ambient, inheritable, permitted, effective; and lock the securebits.

    A process without CAP_SETPCAP can change neither bounding set nor securebits. It has no capability that these could
    keep from it, and with no_new_privs none can come. Raises OSError.
    """
    if kernel.has_capability(_CAP_SETPCAP):
        kernel.prctl(_PR_SET_SECUREBITS, _SECUREBITS)
        _empty_bounding_set()
    kernel.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    kernel.drop_capabilities()


def make_nondumpable() -> None:
    """Leave no core file, and let no process of the same user look into this one (ptrace, /proc, pidfd_getfd)."""
    kernel.prctl(_PR_SET_DUMPABLE, 0)


def _empty_bounding_set() -> None:
    for capability in range(_MOST_CAPABILITIES):
        try:
            kernel.prctl(_PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return  # past the last one that this kernel has
            raise
