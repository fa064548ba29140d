"""Kernel: the Linux calls that confinement is made of, with C's types checked and errors that name the call."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Array, Structure, c_char_p, c_int, c_int32, c_long, c_uint32, c_uint64, c_ulong
from typing import Any, Final

from dspash_worker.confinement.architecture import this_architecture

__all__ = [
    "PathRule",
    "add_landlock_rule",
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

_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_MOUNT_ATTR_RDONLY: Final = 0x1

_LANDLOCK_CREATE_RULESET_VERSION: Final = 1
_LANDLOCK_RULE_PATH_BENEATH: Final = 1

_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1

_CAPABILITY_VERSION_3: Final = 0x2008_0522


class _SockFprog(Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", c_char_p))


class _MountAttr(Structure):
    _fields_ = tuple((name, c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd"))


class _LandlockRulesetAttr(Structure):
    _fields_ = tuple((name, c_uint64) for name in ("handled_access_fs", "handled_access_net", "scoped"))


class PathRule(Structure):
    """Landlock's rule that allows `access` to the file of an O_PATH `descriptor`, or to all beneath if it is a folder."""

    _pack_ = 1
    _fields_ = (("access", c_uint64), ("descriptor", c_int32))
    access: int
    descriptor: int


class _CapabilityHeader(Structure):
    _fields_ = (("version", c_uint32), ("pid", c_int))


class _CapabilityWord(Structure):
    """32 capabilities."""

    _fields_ = tuple((name, c_uint32) for name in ("effective", "permitted", "inheritable"))


_CapabilitySets: Final[type[Array[_CapabilityWord]]] = _CapabilityWord * 2


class _Call:
    """A system call, by its name. Types are converted by ctypes, which takes a worker's first moments less than we do."""

    __slots__ = ("_function", "_name")

    def __init__(self, name: str, *types: Any) -> None:
        self._name = name
        self._function = ctypes.CDLL(None, use_errno=True)["syscall"]
        self._function.argtypes = (c_long, *types)
        self._function.restype = c_long

    def __repr__(self) -> str:
        return f"<_Call {self._name}>"

    def __call__(self, *arguments: object, filename: str | None = None) -> int:
        """Make it. Raises OSError with the call's name in its text."""
        result: int = self._function(this_architecture().numbers[self._name], *arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{self._name}: {os.strerror(number)}", filename)
        return result


_UNSHARE: Final = _Call("unshare", c_ulong)
_SETNS: Final = _Call("setns", c_int, c_int)
_MOUNT: Final = _Call("mount", c_char_p, c_char_p, c_char_p, c_ulong, c_char_p)
_MOUNT_SETATTR: Final = _Call(
    "mount_setattr", c_int, c_char_p, ctypes.c_uint, POINTER(_MountAttr), ctypes.c_size_t
)
_PRCTL: Final = _Call("prctl", c_int, c_ulong, c_ulong, c_ulong, c_ulong)
_CAPGET: Final = _Call("capget", POINTER(_CapabilityHeader), POINTER(_CapabilitySets))
_CAPSET: Final = _Call("capset", POINTER(_CapabilityHeader), POINTER(_CapabilitySets))
_CLOSE_RANGE: Final = _Call("close_range", ctypes.c_uint, ctypes.c_uint, ctypes.c_uint)
_LANDLOCK_CREATE: Final = _Call(
    "landlock_create_ruleset", POINTER(_LandlockRulesetAttr), ctypes.c_size_t, c_uint32
)
_LANDLOCK_ADD: Final = _Call("landlock_add_rule", c_int, c_int, POINTER(PathRule), c_uint32)
_LANDLOCK_RESTRICT: Final = _Call("landlock_restrict_self", c_int, c_uint32)
_SECCOMP: Final = _Call("seccomp", ctypes.c_uint, ctypes.c_uint, POINTER(_SockFprog))


def unshare(flags: int) -> None:
    """Leave the namespaces that the CLONE_NEW* `flags` name for new ones. Raises OSError."""
    _UNSHARE(flags)


def setns(descriptor: int, flags: int) -> None:
    """Enter the namespaces of a namespace file or a pidfd. Raises OSError."""
    _SETNS(descriptor, flags)


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount a file system, or change a mount. Raises OSError with `target` as its filename."""
    _MOUNT(os.fsencode(source), os.fsencode(target), _encode(kind), flags, _encode(options), filename=target)


def make_read_only(target: str) -> None:
    """Make a mount and all below it read-only, in this mount namespace. Raises OSError; ENOSYS before Linux 5.12."""
    attributes = _MountAttr(attr_set=_MOUNT_ATTR_RDONLY)
    size = ctypes.sizeof(attributes)
    _MOUNT_SETATTR(_AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, attributes, size, filename=target)


def prctl(option: int, first: int = 0, second: int = 0, third: int = 0, fourth: int = 0) -> int:
    """Set or ask what `option`, a PR_*, is about, and return the answer. Raises OSError."""
    return _PRCTL(option, first, second, third, fourth)


def has_capability(number: int) -> bool:
    """Whether this process holds a capability in its effective set. Raises OSError."""
    sets = _CapabilitySets()
    _CAPGET(_CapabilityHeader(_CAPABILITY_VERSION_3, 0), sets)
    return bool(sets[number // 32].effective >> number % 32 & 1)


def drop_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets. Raises OSError."""
    _CAPSET(_CapabilityHeader(_CAPABILITY_VERSION_3, 0), _CapabilitySets())


def close_range(first: int) -> None:
    """Close every descriptor from `first` on. Raises OSError; ENOSYS before Linux 5.9."""
    _CLOSE_RANGE(first, 0xFFFF_FFFF, 0)


def landlock_abi() -> int:
    """Return the version of Landlock's interface, 0 where the kernel has none or it is switched off."""
    try:
        return _LANDLOCK_CREATE(None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
    except OSError:
        return 0


def create_landlock_ruleset(*, files: int, network: int, scopes: int) -> int:
    """Return a descriptor of a ruleset that handles these accesses: bits of Landlock's, 0 for none. Raises OSError.

    Older kernels refuse a structure with fields that they do not know, unless these are 0.
    """
    attributes = _LandlockRulesetAttr(files, network, scopes)
    return _LANDLOCK_CREATE(attributes, ctypes.sizeof(attributes), 0)


def add_landlock_rule(ruleset: int, rule: PathRule) -> None:
    """Add a rule to a ruleset. Raises OSError."""
    _LANDLOCK_ADD(ruleset, _LANDLOCK_RULE_PATH_BENEATH, rule, 0)


def restrict_to_landlock(ruleset: int, flags: int) -> None:
    """Put this thread under a ruleset, for good. Needs no_new_privs. Raises OSError."""
    _LANDLOCK_RESTRICT(ruleset, flags)


def set_seccomp_filter(program: bytes) -> None:
    """Put all threads of this process under a BPF program, for good. Needs no_new_privs. Raises OSError."""
    attributes = _SockFprog(len(program) // 8, program)
    if _SECCOMP(_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, attributes) != 0:
        raise OSError("seccomp: a thread of this process is under another filter")


def _encode(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)
