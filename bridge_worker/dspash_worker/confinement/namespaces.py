"""Namespaces: a worker's own users, processes, mounts, network, IPC, host name and cgroup root."""

from __future__ import annotations

import errno
import os
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

_ALWAYS_NEW: Final = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP

_PROCESS: Final = "/proc/self"
_LIMITS: Final = "/proc/sys/user"
_COUNTED: Final = tuple(
    f"max_{kind}_namespaces" for kind in ("user", "mnt", "net", "pid", "ipc", "uts", "cgroup", "time")
)
"""The limits on how many namespaces of a kind a user namespace, and those below it, may have."""

_FIRST: Final = 1  # a pid
_PR_SET_DUMPABLE: Final = 4

_CAUSES: Final = {
    errno.EPERM: "user namespaces are forbidden here: by a container's seccomp profile, by AppArmor "
    "(kernel.apparmor_restrict_unprivileged_userns), or by kernel.unprivileged_userns_clone = 0",
    errno.ENOSPC: "a limit on namespaces is reached: one of user.max_*_namespaces, or 32 nested user namespaces",
    errno.EINVAL: "this kernel lacks a kind of namespace, or this process has more than one thread",
}


def enter_new(*, network: bool = True) -> None:
    """Put this process into new namespaces of every kind but time, which no program may leave for further ones.

    The first process of a PID namespace stays in that; for another a new one begins with its next child. Without
    `network`, it is in an empty network namespace already that it shares with nobody. Ids stay what they are: each maps
    to itself, no other to anything. The process has all capabilities in its new user namespace, and none outside. It
    must have one thread only.

    Raises OSError, with the likely cause in its text.
    """
    uid, gid = os.getuid(), os.getgid()
    kernel.prctl(_PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root, and the maps cannot be written
    try:
        kernel.unshare(
            _ALWAYS_NEW | (CLONE_NEWNET if network else 0) | (CLONE_NEWPID if os.getpid() != _FIRST else 0)
        )
    except OSError as error:
        raise _explained(error) from None
    # The kernel's condition for mapping a group without privilege is that setgroups is denied.
    maps = (
        ("setgroups", b"deny"),
        ("uid_map", b"%d %d 1" % (uid, uid)),
        ("gid_map", b"%d %d 1" % (gid, gid)),
    )
    _write_each(_PROCESS, maps)
    _write_each(_LIMITS, tuple((name, b"0") for name in _COUNTED))


def _write_each(folder: str, contents: tuple[tuple[str, bytes], ...]) -> None:
    """Write files of /proc, each in the one system call that the kernel wants. Raises OSError with the path."""
    here = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        for name, content in contents:
            _write(here, folder, name, content)
    finally:
        os.close(here)


def _write(here: int, folder: str, name: str, content: bytes) -> None:
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=here)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, f"write {content!r}: {error.strerror}", f"{folder}/{name}") from None


def _explained(error: OSError) -> OSError:
    if error.errno not in _CAUSES:
        return error
    return OSError(error.errno, f"{error.strerror} ({_CAUSES[error.errno]})")
