"""Cgroup: a limit to the memory of one worker that the kernel keeps, where this process may set one."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final, TypeAlias

__all__ = [
    "Absent",
    "Cgroup",
    "CgroupVersion",
    "Hierarchy",
    "MemoryCgroups",
    "find_memory_cgroups",
    "look_for_cgroups",
]

_PREFIX: Final = "dspash-"
_numbers: Final = itertools.count(1)


class CgroupVersion(IntEnum):
    """The two interfaces that Linux has for the same thing."""

    V1 = 1
    V2 = 2


@dataclass(frozen=True, slots=True)
class _Files:
    limit: str
    swap_limit: str
    peak: str
    events: str


_FILES: Final = {
    CgroupVersion.V1: _Files(
        "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes",
        "memory.max_usage_in_bytes",
        "memory.oom_control",
    ),
    CgroupVersion.V2: _Files("memory.max", "memory.swap.max", "memory.peak", "memory.events"),
}


class Cgroup:
    """One group. Its owner removes it once its processes have ended."""

    def __init__(self, folder: Path, version: CgroupVersion) -> None:
        self._folder = folder
        self._files = _FILES[version]

    def __repr__(self) -> str:
        return f"<Cgroup {self._folder.name}>"

    def add(self, pid: int) -> None:
        """Move a process with all its threads into it: what it takes from now on counts. Raises OSError.

        After a pause the kernel takes 10 to 20 ms for it, so it belongs where nobody waits.
        """
        if pid <= 0:  # the kernel reads 0 as the process that writes
            raise ProcessLookupError(f"no process has the number {pid}")
        (self._folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def peak_bytes(self) -> int | None:
        """The most it has used at a time; None where the kernel does not say (v2 before Linux 5.19)."""
        with contextlib.suppress(OSError, ValueError):
            return int((self._folder / self._files.peak).read_text(encoding="ascii"))
        return None

    def oom_kills(self) -> int:
        """How many of its processes were killed for want of memory: more than 0 means that the limit was met."""
        with contextlib.suppress(OSError, ValueError):
            for line in (self._folder / self._files.events).read_text(encoding="ascii").splitlines():
                name, _, value = line.partition(" ")
                if name == "oom_kill":
                    return int(value)
        return 0

    def remove(self) -> bool:
        """Remove it; whether that worked, which it does once the last of its processes is gone. Never waits."""
        try:
            self._folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups can be made: `folder` is the group that theirs are made in."""

    version: CgroupVersion
    folder: Path

    def make(self, memory_bytes: int) -> Cgroup:
        """Make a group whose processes together may use so much memory, and no swap. Raises OSError."""
        folder = self.folder / f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        folder.mkdir()
        files = _FILES[self.version]
        try:
            (folder / files.limit).write_text(str(memory_bytes), encoding="ascii")
            # v1 counts memory and swap together, v2 swap alone; kernels without swap accounting have neither file.
            swap = memory_bytes if self.version is CgroupVersion.V1 else 0
            with contextlib.suppress(FileNotFoundError, PermissionError):
                (folder / files.swap_limit).write_text(str(swap), encoding="ascii")
        except OSError:
            folder.rmdir()
            raise
        return Cgroup(folder, self.version)

    def sweep(self) -> None:
        """Remove groups of ours that are empty, and those of hosts that were killed before they could."""
        for folder in self.folder.glob(f"{_PREFIX}*"):
            maker = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if maker == str(os.getpid()) or not Path("/proc", maker).exists():
                Cgroup(folder, self.version).remove()

    def describe(self) -> str:
        """Where groups are made."""
        return f"cgroup v{self.version}, {self.folder}"


@dataclass(frozen=True, slots=True)
class Absent:
    """No group can be made here, for this reason."""

    reason: str

    def describe(self) -> str:
        """The reason."""
        return self.reason


MemoryCgroups: TypeAlias = Hierarchy | Absent


@functools.cache
def find_memory_cgroups() -> MemoryCgroups:
    """Find out, once a process, where memory can be limited, by making a group there."""
    return look_for_cgroups(_read(Path("/proc/self/mountinfo")), _read(Path("/proc/self/cgroup")))


def look_for_cgroups(mountinfo: str, membership: str) -> MemoryCgroups:
    """Do so for the contents of /proc/self/mountinfo and /proc/self/cgroup. Raises nothing."""
    reasons: list[str] = []
    for hierarchy in _candidates(mountinfo, membership):
        problem = _problem_with(hierarchy)
        if problem is None:
            hierarchy.sweep()
            return hierarchy
        reasons.append(problem)
    return Absent("; ".join(dict.fromkeys(reasons)) or "no cgroup hierarchy is mounted that has memory")


def _candidates(mountinfo: str, membership: str) -> Iterator[Hierarchy]:
    """Our own group, and the one above it: in v2 a group with processes can have no groups that are limited."""
    for version, mount, root in _read_mounts(mountinfo):
        own = _read_membership(membership, version)
        if own is None:
            continue
        inside = own.relative_to(root) if own.is_relative_to(root) else own.relative_to("/")
        folder = mount / inside
        yield Hierarchy(version, folder)
        if version is CgroupVersion.V2 and folder != mount:
            yield Hierarchy(version, folder.parent)


def _read_mounts(mountinfo: str) -> Iterator[tuple[CgroupVersion, Path, Path]]:
    """Version, mount point and the group that is mounted there, of every hierarchy that may have memory."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        place = Path(fields[4]), Path(fields[3])
        if kind[0] == "cgroup2":
            yield (CgroupVersion.V2, *place)
        elif kind[0] == "cgroup" and "memory" in kind[2].split(","):
            yield (CgroupVersion.V1, *place)


def _read_membership(membership: str, version: CgroupVersion) -> Path | None:
    """The group that this process is in."""
    for line in membership.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        is_it = (
            (number, controllers) == ("0", "")
            if version is CgroupVersion.V2
            else "memory" in controllers.split(",")
        )
        if is_it and path.startswith("/"):
            return Path(path)
    return None


def _problem_with(hierarchy: Hierarchy) -> str | None:
    """What keeps groups from being made there; None when one was made."""
    if not os.access(hierarchy.folder / "cgroup.procs", os.W_OK):
        return f"{hierarchy.folder} is not this user's to change"
    if hierarchy.version is CgroupVersion.V2:
        shared = _read(hierarchy.folder / "cgroup.subtree_control").split()
        if "memory" not in shared:
            return f"{hierarchy.folder} hands no memory controller down"
    try:
        made = hierarchy.make(1 << 30)
    except OSError as error:
        return f"no group can be made in {hierarchy.folder} ({error.strerror})"
    made.remove()
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
