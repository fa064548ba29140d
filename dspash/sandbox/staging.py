"""Staging: run by root as `python -I -S staging.py PLAN COMMAND…`, it becomes COMMAND without any of root's rights.

An unprivileged user cannot reach files below folders that are closed to it, such as root's home. So root binds just the
files that are wanted, read-only, to a folder of a mount namespace of its own, where that user can reach them, and only
then gives up its rights for good. PLAN is the number of a descriptor with JSON: `folder`, `sources` (bound there as 0, 1,
…), `uid`, `gid`.
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
import sys
from typing import Any, Final

__all__ = ["main"]

FAILED: Final = 125  # the exit status of wrappers whose command was never run

CLONE_NEWNS: Final = 0x00020000
MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
PR_SET_NO_NEW_PRIVS: Final = 38

_libc: Final = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> int:
    """Stage, drop root's rights and become the command; return only when that failed."""
    plan_fd, command = int(arguments[0]), arguments[1:]
    with os.fdopen(plan_fd, encoding="utf-8") as text:
        plan: dict[str, Any] = json.load(text)
    try:
        stage(plan["folder"], plan["sources"])
        drop_rights(plan["uid"], plan["gid"])
        os.execve(command[0], command, {})  # noqa: S606 - never through a shell
    except OSError as error:
        print(f"dspash could not stage a sandbox: {error}", file=sys.stderr)
        return FAILED


def stage(folder: str, sources: list[str]) -> None:
    """Bind every source below `folder`, in a mount namespace of our own. Raises OSError, which names the place."""
    check(_libc.unshare(CLONE_NEWNS), "unshare a mount namespace")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    # Opened before anything is covered: a source may be below the staging folder itself.
    opened = [os.open(source, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC) for source in sources]
    mount("staging", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=256k")
    for place, (source, fd) in enumerate(zip(sources, opened, strict=True)):
        target = f"{folder}/{place}"
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            os.mkdir(target, 0o755)
        elif stat.S_ISREG(mode):
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        else:
            raise OSError(f"{source} is neither a folder nor a plain file any more")
        mount(f"/proc/self/fd/{fd}", target, None, MS_BIND | MS_REC)
        mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
        os.close(fd)
    mount(None, folder, None, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, "mode=0755,size=256k")


def drop_rights(uid: int, gid: int) -> None:
    """Become an unprivileged user for good: no groups, no ids, no capabilities, and no way to gain any by exec."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "give up privileges")
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid) or os.getgroups():
        raise OSError("the rights of root are still there")


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount, with None for what the system call takes as NULL. Raises OSError."""
    raw = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    check(
        _libc.mount(raw[0], raw[1], raw[2], ctypes.c_ulong(flags), raw[3]),
        f"mount {source or ''} on {target}",
    )


def check(returned: int, what: str) -> None:
    """Raise OSError when a call into the C library failed."""
    if returned != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
