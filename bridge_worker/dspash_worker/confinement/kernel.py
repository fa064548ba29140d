"""Kernel: the Linux calls that confinement is made of, with C's types checked and errors that name the call."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from dspash_worker.confinement.architecture import this_architecture

__all__ = [
    "add_landlock_path",
    "close_range",
    "create_landlock_ruleset",
    "drop_capabilities",
    "has_capability",
    "landlock_abi",
    "make_read_only",
    "mount",
    "prctl",
    "restrict_to_landlock",
    "set_seccomp_filter",
    "setns",
    "unshare",
]

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_MOUNT_ATTR_RDONLY: Final = 0x1

_LANDLOCK_CREATE_RULESET_VERSION: Final = 1
_LANDLOCK_RULE_PATH_BENEATH: Final = 1

_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1

_CAPABILITY_VERSION_3: Final = 0x2008_0522
_CAPABILITY_WORDS: Final = 2  # of 32 capabilities each


class _SockFprog(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class _MountAttr(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd"))


class _LandlockRulesetAttr(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("handled_access_fs", "handled_access_net", "scoped")
    )


class _LandlockPathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityWord(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


_CapabilitySets: Final = _CapabilityWord * _CAPABILITY_WORDS

_Argument = int | bytes | ctypes.Structure | ctypes.Array[_CapabilityWord] | None


def unshare(flags: int) -> None:
    """Leave the namespaces that the CLONE_NEW* `flags` name for new ones. Raises OSError."""
    _call("unshare", flags)


def setns(descriptor: int, flags: int) -> None:
    """Enter the namespaces of a namespace file or a pidfd. Raises OSError."""
    _call("setns", descriptor, flags)


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount a file system, or change a mount. Raises OSError with `target` as its filename."""
    arguments = (os.fsencode(source), os.fsencode(target), _encode(kind), flags, _encode(options))
    _call("mount", *arguments, filename=target)


def make_read_only(target: str) -> None:
    """Make a mount and all below it read-only, in this mount namespace. Raises OSError; ENOSYS before Linux 5.12."""
    attributes = _MountAttr(attr_set=_MOUNT_ATTR_RDONLY)
    _call(
        "mount_setattr",
        _AT_FDCWD,
        os.fsencode(target),
        _AT_RECURSIVE,
        attributes,
        ctypes.sizeof(attributes),
        filename=target,
    )


def prctl(option: int, *arguments: int) -> int:
    """Set or ask what `option`, a PR_*, is about, and return the answer. Raises OSError."""
    padding = (0,) * (4 - len(arguments))
    return _call("prctl", option, *arguments, *padding)


def has_capability(number: int) -> bool:
    """Whether this process holds a capability in its effective set. Raises OSError."""
    sets = _CapabilitySets()
    _call("capget", _CapabilityHeader(_CAPABILITY_VERSION_3, 0), sets)
    return bool(sets[number // 32].effective >> number % 32 & 1)


def drop_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets. Raises OSError."""
    _call("capset", _CapabilityHeader(_CAPABILITY_VERSION_3, 0), _CapabilitySets())


def close_range(first: int) -> None:
    """Close every descriptor from `first` on. Raises OSError; ENOSYS before Linux 5.9."""
    _call("close_range", first, 0xFFFF_FFFF, 0)


def landlock_abi() -> int:
    """Return the version of Landlock's interface, 0 where the kernel has none or it is switched off."""
    try:
        return _call("landlock_create_ruleset", None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    except OSError:
        return 0


def create_landlock_ruleset(*, files: int, network: int, scopes: int) -> int:
    """Return a descriptor of a ruleset that handles these accesses: bits of Landlock's, 0 for none. Raises OSError.

    Older kernels refuse a structure with fields that they do not know, unless these are 0.
    """
    attributes = _LandlockRulesetAttr(files, network, scopes)
    return _call("landlock_create_ruleset", attributes, ctypes.sizeof(attributes), 0)


def add_landlock_path(ruleset: int, descriptor: int, access: int) -> None:
    """Allow this access to the file of an O_PATH descriptor, or to all beneath if it is a folder. Raises OSError."""
    rule = _LandlockPathBeneathAttr(access, descriptor)
    _call("landlock_add_rule", ruleset, _LANDLOCK_RULE_PATH_BENEATH, rule, 0)


def restrict_to_landlock(ruleset: int, flags: int) -> None:
    """Put this thread under a ruleset, for good. Needs no_new_privs. Raises OSError."""
    _call("landlock_restrict_self", ruleset, flags)


def set_seccomp_filter(program: bytes) -> None:
    """Put all threads of this process under a BPF program, for good. Needs no_new_privs. Raises OSError."""
    count = len(program) // 8
    attributes = _SockFprog(count, program)
    if _call("seccomp", _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, attributes) != 0:
        raise OSError("seccomp: a thread of this process is under another filter")


def _encode(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def _call(name: str, *arguments: _Argument, filename: str | None = None) -> int:
    """Make a system call by its name. Structures are passed by reference."""
    result = int(_LIBC.syscall(this_architecture().numbers[name], *map(_to_c, arguments)))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", filename)
    return result


def _to_c(argument: _Argument) -> object:
    match argument:
        case int():
            return ctypes.c_long(argument)
        case bytes() | None:
            return ctypes.c_char_p(argument)
        case _:
            return ctypes.byref(argument)
