"""Memory groups: the kernel ends who takes more than its share, and nobody waits for a group to be made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

import dspash
from dspash.bridge.memory_groups import MemoryGroups
from dspash.sandbox.cgroup import Absent, Hierarchy, find_memory_cgroups
from tests.leaks import no_leaks, wait_until

MIB = 1 << 20
BOUND_S = 20.0

EAT = "import sys; sys.stdin.readline(); eaten = bytearray(int(sys.argv[1])); print(len(eaten), flush=True)"

SHARED = """
import dspy, mmap
class Eater(dspy.Module):
    def forward(self, size):
        eaten = mmap.mmap(-1, size)
        for place in range(0, size, mmap.PAGESIZE):
            eaten[place] = 1
        return dspy.Prediction(answer="eaten")
"""


@pytest.fixture
def hierarchy() -> Hierarchy:
    found = find_memory_cgroups()
    if isinstance(found, Absent):
        pytest.skip(f"no memory cgroup can be made here: {found.reason}")
    return found


@pytest.fixture
def groups() -> Generator[MemoryGroups]:
    made = MemoryGroups()
    yield made
    made.close()


class Eater(subprocess.Popen[bytes]):
    """A process that takes memory when it is told to."""

    def __init__(self, size: int) -> None:
        super().__init__(
            [sys.executable, "-I", "-S", "-c", EAT, str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )

    def is_grouped(self) -> bool:
        return "dspash-" in Path(f"/proc/{self.pid}/cgroup").read_text()

    def eat(self) -> int:
        self.communicate(b"\n", timeout=BOUND_S)
        return self.returncode


def made_by_us(hierarchy: Hierarchy) -> set[Path]:
    return set(hierarchy.folder.glob("dspash-*"))


def test_who_takes_too_much_is_killed_and_that_is_known(hierarchy: Hierarchy, groups: MemoryGroups) -> None:
    greedy, modest = Eater(128 * MIB), Eater(8 * MIB)
    for process in (greedy, modest):
        groups.enrol(process, 64 * MIB)
        wait_until(process.is_grouped, "the process to be in its group")

    assert (greedy.eat(), modest.eat()) == (-9, 0)
    assert 60 * MIB <= (groups.killed_at(greedy) or 0) <= 64 * MIB
    assert groups.killed_at(modest) is None


def test_a_group_that_was_not_filled_is_a_later_process_s(hierarchy: Hierarchy, groups: MemoryGroups) -> None:
    before = made_by_us(hierarchy)
    made: list[set[Path]] = []
    for size in (64 * MIB, 64 * MIB, 32 * MIB):
        process = Eater(MIB)
        groups.enrol(process, size)
        wait_until(process.is_grouped, "the process to be in its group")
        made.append(made_by_us(hierarchy) - before)
        assert process.eat() == 0
        groups.dismiss(process)
        assert groups.killed_at(process) is None

    first, second, third = made
    assert (len(first), second, len(third)) == (1, first, 2)


def test_a_group_that_was_filled_goes_with_its_process(hierarchy: Hierarchy, groups: MemoryGroups) -> None:
    before = made_by_us(hierarchy)
    process = Eater(128 * MIB)
    groups.enrol(process, 64 * MIB)
    wait_until(process.is_grouped, "the process to be in its group")
    assert process.eat() == -9
    groups.dismiss(process)

    wait_until(lambda: made_by_us(hierarchy) == before, "the group to be removed")


def test_closing_removes_what_is_left_and_ends_the_thread(hierarchy: Hierarchy, tmp_path: Path) -> None:
    before = made_by_us(hierarchy)
    with no_leaks(tmp_path):
        groups = MemoryGroups()
        process = Eater(MIB)
        groups.enrol(process, 64 * MIB)
        wait_until(process.is_grouped, "the process to be in its group")
        process.kill()
        process.communicate()
        groups.close()
        assert made_by_us(hierarchy) == before


def test_a_process_that_has_ended_already_is_no_trouble(hierarchy: Hierarchy, groups: MemoryGroups) -> None:
    before = made_by_us(hierarchy)
    process = Eater(MIB)
    assert process.eat() == 0
    groups.enrol(process, 64 * MIB)
    groups.dismiss(process)
    groups.close()

    assert made_by_us(hierarchy) == before


def test_where_no_group_can_be_made_nothing_happens() -> None:
    groups = MemoryGroups(lambda: Absent("for the test"))
    process = Eater(MIB)
    groups.enrol(process, MIB)
    assert process.eat() == 0
    assert groups.killed_at(process) is None
    groups.dismiss(process)
    groups.close()


@pytest.mark.bwrap
@pytest.mark.timeout(60)
def test_memory_that_is_shared_counts_too(hierarchy: Hierarchy) -> None:
    """No limit of the process itself knows of it: RLIMIT_DATA leaves shared mappings out."""
    with dspash.open() as app:
        program = app.program("eater", source=SHARED, limits=dspash.Limits(memory_mb=300))
        assert program(size=100 * MIB).answer == "eaten"
        with pytest.raises(dspash.LimitExceededError) as ended:
            program(size=900 * MIB)
        assert program(size=MIB).answer == "eaten"

    assert (ended.value.limit, ended.value.allowed) == ("memory", 300)
