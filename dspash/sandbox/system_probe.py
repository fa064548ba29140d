"""Run where a zygote would be, as `python -I -S -c`: tries what a zygote does for its workers, and prints how it went.

The answer is JSON: `uid`; `landlock`, its ABI or a negative error number; `seccomp`, whether filters can kill a process;
`nested`, the step at which namespaces inside these failed, with its error number, or null.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
from collections.abc import Callable

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
NAMESPACES = (
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
)
MS_REC_PRIVATE = 0x4000 | 0x40000
MS_NOSUID_NODEV_NOEXEC = 0x2 | 0x4 | 0x8

SYS_LANDLOCK_CREATE_RULESET = 444  # the same number on every architecture
LANDLOCK_CREATE_RULESET_VERSION = 1
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
SECCOMP_GET_ACTION_AVAIL = 2
SECCOMP_RET_KILL_PROCESS = 0x80000000

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Try everything, and print the answer."""
    answer = {
        "uid": os.getuid(),
        "landlock": find_landlock(),
        "seccomp": has_seccomp(),
        "nested": try_nesting() if "--nest" in sys.argv else None,
    }
    print(json.dumps(answer))


def find_landlock() -> int:
    """Landlock's ABI; minus the error number where there is none."""
    abi = libc.syscall(
        SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(LANDLOCK_CREATE_RULESET_VERSION)
    )
    return int(abi) if abi > 0 else -ctypes.get_errno()


def has_seccomp() -> bool:
    """Whether the kernel can end a process for a system call."""
    number = SYS_SECCOMP.get(os.uname().machine)
    if number is None:
        return False
    action = ctypes.c_uint32(SECCOMP_RET_KILL_PROCESS)
    return libc.syscall(number, SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0


def try_nesting() -> dict[str, str | int] | None:
    """Make a worker's namespaces and mounts, in a child; the step that failed, or None."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.write(write, json.dumps(nest(write)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        text = told.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"step": "nothing was said", "errno": 0}


def nest(write: int) -> dict[str, str | int] | None:
    """Be the process in the middle: unshare, map this user to itself, and have a first process try the mounts."""
    uid, gid = os.getuid(), os.getgid()
    steps: list[tuple[str, Callable[[], None]]] = [
        ("unshare namespaces", lambda: check(libc.unshare(NAMESPACES))),
        ("deny setgroups", lambda: write_text("/proc/self/setgroups", "deny")),
        ("map the user", lambda: write_text("/proc/self/uid_map", f"{uid} {uid} 1")),
        ("map the group", lambda: write_text("/proc/self/gid_map", f"{gid} {gid} 1")),
        ("forbid further namespaces", lambda: write_text("/proc/sys/user/max_user_namespaces", "0")),
    ]
    failed = first_failure(steps)
    if failed is not None:
        return failed
    first = os.fork()
    if first == 0:
        mounted = first_failure(
            [
                ("make mounts private", lambda: mount(None, b"/", None, MS_REC_PRIVATE)),
                (
                    "mount a scratch folder",
                    lambda: mount(b"scratch", b"/box", b"tmpfs", MS_NOSUID_NODEV_NOEXEC),
                ),
                ("cover /proc", lambda: mount(b"none", b"/proc", b"tmpfs", MS_NOSUID_NODEV_NOEXEC | 1)),
            ]
        )
        os.write(write, json.dumps(mounted).encode())
        os._exit(0)
    os.waitpid(first, 0)
    os._exit(0)


def first_failure(steps: list[tuple[str, Callable[[], None]]]) -> dict[str, str | int] | None:
    """Take the steps; the first that failed, with its error number."""
    for name, take in steps:
        try:
            take()
        except OSError as error:
            return {"step": name, "errno": error.errno or errno.EIO}
    return None


def mount(source: bytes | None, target: bytes, kind: bytes | None, flags: int) -> None:
    """Mount. Raises OSError."""
    check(libc.mount(source, target, kind, ctypes.c_ulong(flags), None))


def write_text(path: str, text: str) -> None:
    """Write a file of /proc in one go. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def check(returned: int) -> None:
    """Raise OSError for a call that failed."""
    if returned != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
