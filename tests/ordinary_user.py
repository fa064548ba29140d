"""Ordinary user: runs a command as somebody who is not root, in a namespace where that user can reach the interpreter.

As a program, `python ordinary_user.py UID HOME COMMAND…` becomes the command. Development machines often keep Python
below root's home, which is closed to others: there, in a mount namespace of its own, a folder that others may enter
takes that home's place, with nothing in it but the interpreter.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from pathlib import Path

__all__ = ["UID", "as_ordinary_user", "make_home"]

UID = 61250
REPOSITORY = Path(__file__).resolve().parent.parent

CLONE_NEWNS = 0x00020000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000


def as_ordinary_user(*command: str, home: Path) -> list[str]:
    """The command line that runs `command` as an ordinary user with this home; for root only."""
    assert os.geteuid() == 0
    return [sys.executable, "-I", "-S", __file__, str(UID), str(home), *command]


def make_home(folder: Path) -> Path:
    """Make a home that is closed to everybody but the ordinary user."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(home, UID, UID)
    return home


def main(uid: int, home: str, command: list[str]) -> None:
    """Become the command."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNS) == 0
    assert libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) == 0
    for needed in {Path(sys.base_prefix), Path(sys.prefix), REPOSITORY, Path(home)}:
        open_way_to(needed, libc)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "USER": "ordinary"}
    os.chdir(home)
    os.execvpe(command[0], command, environment)


def open_way_to(needed: Path, libc: ctypes.CDLL) -> None:
    """Cover the first folder above `needed` that is closed to others by one that leads to nothing else."""
    for folder in reversed(needed.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            held = os.open(needed, os.O_PATH)
            assert libc.mount(b"way", os.fsencode(folder), b"tmpfs", 0, b"mode=0755") == 0
            needed.mkdir(parents=True)
            source = f"/proc/self/fd/{held}".encode()
            assert libc.mount(source, os.fsencode(needed), None, MS_BIND | MS_REC, None) == 0
            os.close(held)
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
