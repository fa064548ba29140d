"""Landlock: the only paths a worker can open, whatever is mounted."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from dspash_worker.confinement import kernel

__all__ = ["FileAccess", "Rules", "handled_files", "make_ruleset", "open_rules", "required_abi", "restrict"]


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

_LINUX_WITH: Final = {1: "5.13", _LEAST_ALONE: "6.2"}


@functools.cache
def handled_files(abi: int) -> FileAccess:
    """Return every access to files that this version of Landlock knows, all of which are denied unless allowed."""
    handled = _FIRST
    for since, access in _SINCE.items():
        if abi >= since:
            handled |= access
    return handled


def required_abi(*, read_only_mounts: bool) -> int:
    """Return the oldest version of Landlock that confines a worker."""
    return 1 if read_only_mounts else _LEAST_ALONE


@dataclass(frozen=True, slots=True)
class Rules:
    """The paths that workers may open apart from their scratch, held open, and Landlock's ABI.

    Rules go by inodes: those of the zygote are right for all its workers, whatever they mount elsewhere.
    """

    abi: int
    allowed: tuple[kernel.PathRule, ...]

    def close(self) -> None:
        """Let go of the paths."""
        for rule in self.allowed:
            os.close(rule.descriptor)


def open_rules(*, readable: Iterable[str], devices: Iterable[str], read_only_mounts: bool) -> Rules:
    """Return the rules for a worker with these paths. Raises OSError, with the path if there is one."""
    abi, least = kernel.landlock_abi(), required_abi(read_only_mounts=read_only_mounts)
    if abi < least:
        raise OSError(
            f"the kernel's Landlock has ABI {abi}, a worker here needs {least}: Linux "
            f"{_LINUX_WITH[least]}, with landlock among its security modules (lsm=)"
        )
    files = handled_files(abi)
    allowed: list[kernel.PathRule] = []
    try:
        for paths, access in ((readable, _READABLE & files), (devices, _DEVICE & files)):
            for path in paths:
                allowed.append(_rule(path, access))  # noqa: PERF401 - so that those opened before a failure are known
    except OSError:
        Rules(abi, tuple(allowed)).close()
        raise
    return Rules(abi, tuple(allowed))


def make_ruleset(rules: Rules) -> int:
    """Return the descriptor of a ruleset with these rules, which forbids all that Landlock knows of. Raises OSError."""
    ruleset = kernel.create_landlock_ruleset(
        files=handled_files(rules.abi),
        network=_BIND_AND_CONNECT_TCP if rules.abi >= 4 else 0,
        scopes=_ABSTRACT_SOCKETS_AND_SIGNALS if rules.abi >= 6 else 0,
    )
    for rule in rules.allowed:
        kernel.add_landlock_rule(ruleset, rule)
    return ruleset


def restrict(ruleset: int, abi: int, *, scratch: str) -> None:
    """Leave this thread the ruleset's paths and `scratch`, for good; no TCP, and nothing outside by abstract socket or
    signal. The ruleset is closed.

    That stops neither stat nor connecting to a socket's path, and no change of mode or time: mounts and seccomp do.
    Needs no_new_privs. Raises OSError.
    """
    rule = _rule(scratch, _SCRATCH & handled_files(abi))
    kernel.add_landlock_rule(ruleset, rule)
    os.close(rule.descriptor)
    kernel.restrict_to_landlock(ruleset, _NO_AUDIT if abi >= 7 else 0)
    os.close(ruleset)


def _rule(path: str, access: FileAccess) -> kernel.PathRule:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        access &= _OF_A_FILE  # the kernel refuses what only folders have
    return kernel.PathRule(int(access), descriptor)
