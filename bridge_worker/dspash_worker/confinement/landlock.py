"""Landlock: the only paths a worker can open, whatever is mounted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from enum import IntFlag
from typing import Final

from dspash_worker.confinement import kernel

__all__ = ["FileAccess", "handled_files", "restrict"]


class FileAccess(IntFlag):
    """LANDLOCK_ACCESS_FS_*."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_FIRST: Final = FileAccess(FileAccess.REFER - 1)
_SINCE: Final = {2: FileAccess.REFER, 3: FileAccess.TRUNCATE, 5: FileAccess.IOCTL_DEV}

_BIND_AND_CONNECT_TCP: Final = 0b11  # since ABI 4
_ABSTRACT_SOCKETS_AND_SIGNALS: Final = 0b11  # since ABI 6: reaching those outside the sandbox
_NO_AUDIT: Final = 0b1  # since ABI 7: what a program tries must not fill the host's log

_READABLE: Final = FileAccess.READ_FILE | FileAccess.READ_DIR  # not EXECUTE: workers start no programs
_DEVICE: Final = FileAccess.READ_FILE | FileAccess.WRITE_FILE
_SCRATCH: Final = (
    _READABLE
    | FileAccess.WRITE_FILE
    | FileAccess.TRUNCATE
    | FileAccess.REMOVE_DIR
    | FileAccess.REMOVE_FILE
    | FileAccess.MAKE_DIR
    | FileAccess.MAKE_REG
    | FileAccess.MAKE_SYM
    | FileAccess.REFER
)
_OF_A_FILE: Final = FileAccess.READ_FILE | FileAccess.WRITE_FILE | FileAccess.TRUNCATE

_LEAST_ALONE: Final = 3
"""The ABI from which Landlock alone keeps a file from being emptied by truncate(2)."""


def handled_files(abi: int) -> FileAccess:
    """Return every access to files that this version of Landlock knows, all of which are denied unless allowed."""
    handled = _FIRST
    for since, access in _SINCE.items():
        if abi >= since:
            handled |= access
    return handled


def restrict(*, readable: Iterable[str], devices: Iterable[str], scratch: str, read_only_mounts: bool) -> int:
    """Leave this thread these paths and no others, no TCP, and no abstract socket or process outside; return the ABI.

    It stops neither stat nor connecting to a socket's path, and no change of mode or time: mounts and seccomp do.
    Needs no_new_privs, and is for good. Raises OSError, with the path if there is one.
    """
    abi = kernel.landlock_abi()
    if abi == 0:
        raise OSError(
            "this kernel has no Landlock: it takes Linux 5.13, with landlock among its security modules (lsm=)"
        )
    if abi < _LEAST_ALONE and not read_only_mounts:
        raise OSError(
            f"Landlock's ABI is {abi}; without mounts of its own a worker needs {_LEAST_ALONE} (Linux 6.2)"
        )
    files = handled_files(abi)
    ruleset = kernel.create_landlock_ruleset(
        files=files,
        network=_BIND_AND_CONNECT_TCP if abi >= 4 else 0,
        scopes=_ABSTRACT_SOCKETS_AND_SIGNALS if abi >= 6 else 0,
    )
    try:
        for path in readable:
            _allow(ruleset, path, _READABLE & files)
        for path in devices:
            _allow(ruleset, path, _DEVICE & files)
        _allow(ruleset, scratch, _SCRATCH & files)
        kernel.restrict_to_landlock(ruleset, _NO_AUDIT if abi >= 7 else 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, access: FileAccess) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= _OF_A_FILE  # the kernel refuses what only folders have
        kernel.add_landlock_path(ruleset, descriptor, access)
    finally:
        os.close(descriptor)
