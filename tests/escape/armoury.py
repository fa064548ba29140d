"""Armoury: what attempts share. Its text, from the line of imports on, precedes each attempt's own."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import stat
import struct
import sys
import time
from collections.abc import Iterator
from errno import EINVAL, ENOENT, ENOTTY
from typing import Any

__all__ = [
    "EINVAL",
    "ENOENT",
    "ENOTTY",
    "LIBC",
    "NUMBERS",
    "SECRET",
    "X86",
    "done",
    "linger",
    "reached",
    "secrets_in",
    "shared_files",
    "sockets",
    "struct",
    "sys",
    "syscall",
    "until",
]

LIBC = ctypes.CDLL(None, use_errno=True)
SECRET = re.compile(rb"canary-[a-z]+-[0-9a-f]{32}")  # what planted secrets look like

# x86-64, aarch64; None where the architecture has no such call. From the kernel's asm/unistd.h.
NUMBERS: dict[str, tuple[int | None, int]] = {
    "open": (2, 0),
    "fork": (57, 220),
    "vfork": (58, 220),
    "clone": (56, 220),
    "clone3": (435, 435),
    "execveat": (322, 281),
    "memfd_create": (319, 279),
    "openat2": (437, 437),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "chroot": (161, 51),
    "mount": (165, 40),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "listmount": (458, 458),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "request_key": (249, 218),
    "seccomp": (317, 277),
    "personality": (135, 92),
    "modify_ldt": (154, 0),
    "ioperm": (173, 0),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "prctl": (157, 167),
    "capget": (125, 90),
    "ioctl": (16, 29),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "kcmp": (312, 272),
    "ioprio_set": (251, 30),
    "prlimit64": (302, 261),
    "futex": (202, 98),
    "futex_wake": (454, 454),
    "futex_wait": (455, 455),
    "set_tid_address": (218, 96),
    "gettid": (186, 178),
    "mincore": (27, 232),
    "cachestat": (451, 451),
    "madvise": (28, 233),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "semget": (64, 190),
    "semctl": (66, 191),
    "mq_open": (240, 180),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
    "sysinfo": (99, 179),
    "sendmsg": (46, 211),
    "mlock": (149, 228),
    "fcntl": (72, 25),
    "exit": (60, 93),
    "splice": (275, 76),
}
X86 = platform.machine() == "x86_64"


def syscall(name: str, *arguments: Any) -> int:
    """The result of a system call, or minus the errno."""
    number = NUMBERS[name][0 if X86 else 1]
    LIBC.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result: int = LIBC.syscall(ctypes.c_long(number or -1), *given)
    return -ctypes.get_errno() if result == -1 else result


def done(result: int, *also: int) -> int:
    """A result that shows the kernel did it, or (`also`) that only the arguments were wrong. Raises OSError else."""
    if result >= 0 or -result in also:
        return result
    raise OSError(-result, os.strerror(-result))


def reached(name: str, *arguments: Any, also: tuple[int, ...] = ()) -> bool:
    """Whether a system call ran."""
    done(syscall(name, *arguments), *also)
    return True


def secrets_in(data: bytes) -> list[str]:
    """The planted secrets in some bytes."""
    return [found.decode() for found in SECRET.findall(data)]


def sockets() -> Iterator[int]:
    """The open descriptors that are sockets, the standard ones left out."""
    for fd in range(3, 1024):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                yield fd
        except OSError:
            continue


def shared_files(count: int, skip: int = 0) -> list[str]:
    """Files that every worker may read, the same for all; few programs read them of their own accord."""
    folder = os.path.dirname(os.__file__)
    found: list[str] = []
    for top in ("idlelib", "lib2to3", "unittest", "xml", "wsgiref", "tkinter", "distutils", "email", "http"):
        for place, folders, names in os.walk(os.path.join(folder, top)):
            folders.sort()
            paths = (os.path.join(place, name) for name in sorted(names) if name.endswith(".py"))
            found += [path for path in paths if os.path.getsize(path) > 4096]
    return found[skip : skip + count]


def until(holds: Any, bound_s: float = 0.8) -> Any:
    """Look until there is something, at most `bound_s` seconds; None when there is nothing."""
    end = time.monotonic() + bound_s
    while not (found := holds()):
        if time.monotonic() > end:
            return None
        time.sleep(0.01)
    return found


def linger(bound_s: float = 1.5) -> None:
    """What a neighbour does while it is being watched."""
    time.sleep(bound_s)
