"""Places: makes this process's surroundings unfit for sandboxes, in ways that real systems do, and becomes a command.

As a program, for root: `python places.py PLACE COMMAND…`.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_REC_PRIVATE = 0x4000 | 0x40000
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SYS_CLONE = {"x86_64": 56, "aarch64": 220}
SYS_UNSHARE = {"x86_64": 272, "aarch64": 97}
SYS_LANDLOCK = 444
EPERM, ENOSYS = 1, 38

libc = ctypes.CDLL(None, use_errno=True)


def check(returned: int) -> None:
    if returned != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter_user_namespace(uid_map: str) -> None:
    """As containers do for their root. The parent maps the ids: only it may map more than one."""
    ready, done = os.pipe(), os.pipe()
    mapper = os.fork()
    if mapper == 0:
        os.read(ready[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{os.getppid()}/{name}").write_text(uid_map)
        os.write(done[1], b"x")
        os._exit(0)
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    os.write(ready[1], b"x")
    os.read(done[0], 1)
    os.waitpid(mapper, 0)
    os.setresuid(0, 0, 0)


def few_ids() -> None:
    enter_user_namespace("0 0 1")


def no_user_namespaces() -> None:
    enter_user_namespace("0 0 100000")
    allow_user_namespaces(0)


def one_user_namespace() -> None:
    enter_user_namespace("0 0 100000")
    allow_user_namespaces(1)


def allow_user_namespaces(most: int) -> None:
    Path("/proc/sys/user/max_user_namespaces").write_text(str(most))


def masked_proc() -> None:
    """As Docker does: a part of /proc is covered, and so none may be mounted afresh."""
    check(libc.unshare(CLONE_NEWNS))
    check(libc.mount(None, b"/", None, MS_REC_PRIVATE, None))
    check(libc.mount(b"none", b"/proc/driver", b"tmpfs", 0, None))


def no_new_user_namespace_calls() -> None:
    """As Docker's seccomp profile does for containers without CAP_SYS_ADMIN."""
    refuse_calls({SYS_CLONE[os.uname().machine]: CLONE_NEWUSER, SYS_UNSHARE[os.uname().machine]: None}, EPERM)


def no_landlock_calls() -> None:
    """As profiles do that are older than these system calls."""
    refuse_calls({SYS_LANDLOCK: None}, ENOSYS)


def refuse_calls(calls: dict[int, int | None], number: int) -> None:
    """Have system calls fail; those with a flag only where the flag is in their first argument."""
    load, equal, is_set, give = 0x20, 0x15, 0x45, 0x06
    program: list[tuple[int, int, int, int]] = [(load, 0, 0, 0)]
    for call, flag in calls.items():
        refusal = [(give, 0, 0, 0x00050000 | number)]
        if flag is not None:
            refusal = [(load, 0, 0, 16), (is_set, 0, 1, flag), *refusal, (load, 0, 0, 0)]
        program += [(equal, 0, len(refusal), call), *refusal]
    program.append((give, 0, 0, 0x7FFF0000))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_ulong(ctypes.addressof(header)), 0, 0))


PLACES = {
    place.__name__: place
    for place in (
        few_ids,
        no_user_namespaces,
        one_user_namespace,
        masked_proc,
        no_new_user_namespace_calls,
        no_landlock_calls,
    )
}

if __name__ == "__main__":
    PLACES[sys.argv[1]]()
    os.execvp(sys.argv[2], sys.argv[2:])
