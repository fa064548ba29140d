"""System: the calls of Linux that Python has no names for, as far as a zygote needs them for trusted workers."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any, Final

__all__ = [
    "NEW_MOUNTS",
    "NEW_PIDS",
    "adopt_orphans",
    "die_with_parent_thread",
    "drop_capabilities",
    "join",
    "mount_proc",
    "unshare",
]

NEW_MOUNTS: Final = 0x0002_0000  # CLONE_NEWNS
NEW_PIDS: Final = 0x2000_0000  # CLONE_NEWPID

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_SLAVE = 2, 4, 8, 1 << 14, 1 << 19
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3: Final = 0x2008_0522

_libc: Final[Any] = ctypes.CDLL(None, use_errno=True)


def unshare(namespaces: int) -> None:
    """Make new namespaces: of mounts for this process, of pids for its next child. Raises OSError."""
    _call("unshare", namespaces)


def join(descriptor: int, namespaces: int) -> None:
    """Enter the namespaces of the process behind a pidfd, or that of an open /proc/…/ns file. Raises OSError."""
    _call("setns", descriptor, namespaces)


def mount_proc() -> None:
    """Mount a /proc of this process's pid namespace, seen by its mount namespace only. Raises OSError."""
    _call("mount", None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_SLAVE), None)
    _call("mount", b"proc", b"/proc", b"proc", ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC), None)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends. Raises OSError."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent_thread() -> None:
    """Be killed when the thread that forked this process ends. Raises OSError."""
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def drop_capabilities() -> None:
    """Give up every capability, also those that programs started from here would have. Raises OSError."""
    _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _call("capset", (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
