"""Cgroups: found where this user may make one, with the limit kept by the kernel; absent otherwise, with the reason."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dspash.sandbox.cgroup import (
    Absent,
    Cgroup,
    CgroupVersion,
    Hierarchy,
    find_memory_cgroups,
    look_for_cgroups,
)
from tests.leaks import wait_until
from tests.sandbox.inside import run_as_ordinary_user

MIB = 1 << 20
BOUND_S = 20.0

EAT = "import sys; sys.stdin.readline(); eaten = bytearray(int(sys.argv[1])); print(len(eaten), flush=True)"


@pytest.fixture
def hierarchy() -> Hierarchy:
    found = find_memory_cgroups()
    if isinstance(found, Absent):
        pytest.skip(f"no memory cgroup can be made here: {found.reason}")
    return found


@pytest.fixture
def group(hierarchy: Hierarchy) -> Iterator[Cgroup]:
    made = hierarchy.make(64 * MIB)
    yield made
    wait_until(made.remove, "the group to be empty")


def eat(group: Cgroup, size: int) -> int:
    """Have a process in the group take so much memory; its exit status."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", EAT, str(size)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        group.add(process.pid)
        process.communicate(b"\n", timeout=BOUND_S)
        return process.returncode


def test_what_fits_is_measured(group: Cgroup) -> None:
    assert eat(group, 32 * MIB) == 0
    assert group.oom_kills() == 0
    peak = group.peak_bytes()
    assert peak is None or 32 * MIB <= peak <= 64 * MIB


def test_what_does_not_fit_is_killed_and_said(group: Cgroup) -> None:
    assert eat(group, 128 * MIB) == -9
    assert group.oom_kills() >= 1


@pytest.mark.parametrize("pid", [0, -1])
def test_a_process_without_a_number_is_never_taken_for_ourselves(group: Cgroup, pid: int) -> None:
    """The kernel reads 0 as the writer: this process would share the worker's limit, and be killed for it."""
    before = Path("/proc/self/cgroup").read_text(encoding="ascii")

    with pytest.raises(ProcessLookupError):
        group.add(pid)
    assert Path("/proc/self/cgroup").read_text(encoding="ascii") == before


def test_a_group_with_a_process_is_not_removed(group: Cgroup) -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        group.add(process.pid)
        assert not group.remove()


def test_a_removed_group_stays_removed(hierarchy: Hierarchy) -> None:
    made = hierarchy.make(MIB * 8)

    assert (made.remove(), made.remove()) == (True, True)
    assert (made.peak_bytes(), made.oom_kills()) == (None, 0)


def test_what_a_killed_host_has_left_is_swept_and_what_others_use_is_not(hierarchy: Hierarchy) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait(BOUND_S)
    left, used = (hierarchy.folder / f"dspash-{pid}-1" for pid in (dead.pid, os.getppid()))
    for folder in (left, used):
        folder.mkdir()
    try:
        hierarchy.sweep()
        assert (left.exists(), used.exists()) == (False, True)
    finally:
        used.rmdir()


def test_a_limit_that_cannot_be_set_leaves_no_group(hierarchy: Hierarchy) -> None:
    before = set(hierarchy.folder.glob("dspash-*"))

    with pytest.raises(OSError, match="Invalid argument"):
        hierarchy.make("much")  # type: ignore[arg-type]

    assert set(hierarchy.folder.glob("dspash-*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="this user's own groups may be delegated")
def test_an_ordinary_user_is_told_why_there_is_none(home: Path) -> None:
    code = "from dspash.sandbox.cgroup import find_memory_cgroups; print(find_memory_cgroups().describe())"

    assert "is not this user's to change" in run_as_ordinary_user(code, home)


# --- hierarchies as other machines have them, made of plain files ---


def v2(folder: Path, *, controllers: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").touch()
    (folder / "cgroup.subtree_control").write_text(controllers)


def test_in_v2_groups_are_made_beside_ones_own(tmp_path: Path) -> None:
    """A group that has processes cannot have groups that are limited: systemd delegates the one above."""
    v2(tmp_path / "user.slice", controllers="cpu memory pids")
    v2(tmp_path / "user.slice" / "app.scope", controllers="")
    mountinfo = f"30 23 0:26 / {tmp_path} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

    found = look_for_cgroups(mountinfo, "0::/user.slice/app.scope\n")

    assert found == Hierarchy(CgroupVersion.V2, tmp_path / "user.slice")


def test_a_mount_that_shows_a_part_is_entered_from_there(tmp_path: Path) -> None:
    """As in containers, whose /sys/fs/cgroup is their own group."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "cgroup.procs").touch()
    mountinfo = f"31 23 0:27 /docker/1234 {tmp_path} rw - cgroup cgroup rw,memory\n"

    found = look_for_cgroups(mountinfo, "4:cpu:/\n5:memory:/docker/1234/inner\n")

    assert found == Hierarchy(CgroupVersion.V1, tmp_path / "inner")


@pytest.mark.parametrize(
    ("controllers", "writable", "reason"),
    [
        ("cpu pids", True, "hands no memory controller down"),
        ("memory", False, "is not this user's to change"),
    ],
)
def test_where_none_can_be_made_the_reason_is_told(
    tmp_path: Path, controllers: str, writable: bool, reason: str
) -> None:
    if writable:
        v2(tmp_path, controllers=controllers)
    mountinfo = f"30 23 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n"

    found = look_for_cgroups(mountinfo, "0::/\n")

    assert isinstance(found, Absent)
    assert reason in found.reason


@pytest.mark.parametrize(
    "mountinfo", ["", "nonsense\n", "1 2 3 - \n", "30 23 0:26 / /x rw - cgroup cgroup rw,cpu\n"]
)
def test_without_a_hierarchy_there_is_none(mountinfo: str) -> None:
    assert isinstance(look_for_cgroups(mountinfo, "0::/\n"), Absent)
