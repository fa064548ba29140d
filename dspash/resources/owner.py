"""Owner: the process that carries out a run, and whether it still does."""

from __future__ import annotations

import functools
import os
import platform
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

__all__ = ["LEASE", "SIGN_OF_LIFE_S", "Owner", "has_lost_its_owner", "start_of"]

SIGN_OF_LIFE_S: Final = 15.0
"""How often the owner of a run notes that it is still there."""

LEASE: Final = timedelta(minutes=3)
"""How long a run counts as carried out after its last sign of life, where its owner cannot be looked at."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: the machine (one boot of it, seen from one PID namespace), its number there, and when it began.

    `started` is in units of the machine's own, told apart and nothing else: numbers of processes are used again.
    """

    machine: str
    pid: int
    started: str

    @classmethod
    def here(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(_machine(), pid, start_of(pid) or "")

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Owner | None:
        """What `to_map` gave; None for anything else, such as an empty map."""
        match kept:
            case {"machine": str() as machine, "pid": int() as pid, "started": str() as started}:
                return cls(machine, pid, started)
            case _:
                return None

    def to_map(self) -> dict[str, Any]:
        """As it is kept."""
        return {"machine": self.machine, "pid": self.pid, "started": self.started}

    @property
    def is_of_this_machine(self) -> bool:
        """Whether its process can be looked at from here."""
        return self.machine == _machine()


def has_lost_its_owner(owner: Owner | None, seen_at: datetime | None, now: datetime) -> bool:
    """Whether a run that counts as running is carried out by nobody any more.

    A process of this machine is looked at; of any other, the run's last sign of life tells, LEASE after it.
    """
    if owner is not None and owner.is_of_this_machine:
        return start_of(owner.pid) != owner.started
    return seen_at is None or now - seen_at > LEASE


def start_of(pid: int) -> str | None:
    """When the process of this number began; None when there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _start_without_proc(pid)
    except (ProcessLookupError, PermissionError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before may have blanks and brackets of its own
    return None if fields[0] in "ZX" else fields[19]


def _start_without_proc(pid: int) -> str | None:
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


@functools.cache
def _machine() -> str:
    """Where process numbers mean the same: a host, one boot of it, one PID namespace."""
    parts = [platform.node()]
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        lambda: str(Path("/proc/self/ns/pid").readlink()),
    ):
        try:
            parts.append(read())
        except OSError:  # no Linux: a machine is known by its name alone
            continue
    return " ".join(parts)
