"""Namespaces: a worker's own users, processes, mounts, network, IPC, host name and cgroup root."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from dspash_worker.confinement import kernel

__all__ = [
    "CLONE_NEWCGROUP",
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "enter_new",
]

CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWCGROUP: Final = 0x0200_0000
CLONE_NEWUTS: Final = 0x0400_0000
CLONE_NEWIPC: Final = 0x0800_0000
CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWPID: Final = 0x2000_0000
CLONE_NEWNET: Final = 0x4000_0000

_ALL: Final = (
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
)

_COUNTED: Final = ("user", "mnt", "net", "pid", "ipc", "uts", "cgroup", "time")
"""The kinds whose number /proc/sys/user limits, for each user namespace."""

_PROC: Final = Path("/proc")
_PR_SET_DUMPABLE: Final = 4

_CAUSES: Final = {
    errno.EPERM: "user namespaces are forbidden here: by a container's seccomp profile, by AppArmor "
    "(kernel.apparmor_restrict_unprivileged_userns), or by kernel.unprivileged_userns_clone = 0",
    errno.ENOSPC: "a limit on namespaces is reached: one of user.max_*_namespaces, or 32 nested user namespaces",
    errno.EINVAL: "this kernel lacks a kind of namespace, or this process has more than one thread",
}


def enter_new() -> None:
    """Put this process into new namespaces of every kind but time, which no program may leave for further ones.

    The new PID namespace begins with the next child. Ids stay what they are: each maps to itself, no other to anything.
    The process has all capabilities in its new user namespace, and none outside. It must have one thread only.

    Raises OSError, with the likely cause in its text.
    """
    uid, gid = os.getuid(), os.getgid()
    kernel.prctl(_PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root, and the maps cannot be written
    try:
        kernel.unshare(_ALL)
    except OSError as error:
        raise _explained(error) from None
    _write(_PROC / "self/setgroups", "deny")  # the kernel's condition for mapping a group without privilege
    _write(_PROC / "self/uid_map", f"{uid} {uid} 1")
    _write(_PROC / "self/gid_map", f"{gid} {gid} 1")
    for kind in _COUNTED:
        _write(_PROC / f"sys/user/max_{kind}_namespaces", "0")


def _write(path: Path, text: str) -> None:
    """Write in one system call, as the kernel wants for these files. Raises OSError with the path."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    except OSError as error:
        raise OSError(error.errno, f"write {text!r}: {error.strerror}", str(path)) from None
    finally:
        os.close(descriptor)


def _explained(error: OSError) -> OSError:
    if error.errno not in _CAUSES:
        return error
    return OSError(error.errno, f"{error.strerror} ({_CAUSES[error.errno]})")
