"""Workers without namespaces of their own: Landlock and seccomp hold them apart, and the host from them."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from dspash_protocol.confinement_plan import ConfinementPlan, Layer
from dspash_worker.confinement import kernel
from dspash_worker.confinement.landlock import FileAccess, handled_files, open_rules, required_abi
from tests.worker.confinement.cells import CellServer, strict_plan

NOBODY = 65534
OWN = frozenset({Layer.NAMESPACES, Layer.MOUNTS})


@pytest.fixture
def neighbour() -> Generator[Path]:
    """The scratch folder of another worker of the same user, with a file in it."""
    with tempfile.TemporaryDirectory(prefix="dspash-neighbour-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "work").write_text("the neighbour's")
        if os.getuid() == 0:
            for path in (folder, folder / "work"):
                os.chown(path, NOBODY, NOBODY)
        yield folder


def shared_plan(scratch: Path) -> ConfinementPlan:
    return strict_plan(scratch, without=OWN)


def test_its_layers_are_told(cells: CellServer, scratch: Path) -> None:
    cell = cells.start(
        "def attempt():\n import os\n return os.getpid() == os.getpgrp() > 1", shared_plan(scratch)
    )
    assert cell.layers == [layer.value for layer in Layer if layer not in OWN]
    assert cell.landlock_abi >= 3
    assert cell.outcome().value is True


def test_python_works_in_it(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import asyncio, os, shutil, signal, sqlite3, tempfile, threading
    asyncio.run(asyncio.sleep(0.001))
    with tempfile.TemporaryDirectory() as folder:
        open(folder + "/a", "w").write("x"); shutil.copy2(folder + "/a", folder + "/b")
    connection = sqlite3.connect("x.db"); connection.execute("create table t(a)"); connection.commit()
    seen = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append(1)); os.kill(os.getpid(), signal.SIGUSR1)
    thread = threading.Thread(target=seen.append, args=(2,)); thread.start(); thread.join()
    return [seen, os.sched_getaffinity(0) != set(), os.getpgid(0) == os.getpid()]
"""
    outcome = cells.run(code, shared_plan(scratch))
    assert outcome.value == [[1, 2], True, True], outcome.text


@pytest.mark.parametrize(
    "act",
    [
        "os.kill(os.getppid(), 0)",
        "os.kill(0, 0)",
        "os.kill(-1, 0)",
        "os.killpg(os.getpgid(os.getppid()), 0)",
        "os.getpgid(os.getppid())",
        "os.sched_getscheduler(os.getppid())",
        "__import__('resource').prlimit(os.getppid(), 7)",
        "__import__('signal').pidfd_send_signal(os.pidfd_open(os.getppid()), 0)",
        "os.getpriority(os.PRIO_PROCESS, os.getppid())",
        "__import__('time').clock_gettime(~os.getppid() << 3 | 2)",
    ],
)
def test_other_processes_are_out_of_reach(act: str, cells: CellServer, scratch: Path) -> None:
    code = f"def attempt():\n import os\n {act}\n return 'reached'"
    assert cells.run(code, shared_plan(scratch)).raised in {"PermissionError", "OSError"}


@pytest.mark.parametrize(
    "act",
    [
        "open({0!r} + '/work').read()",
        "open({0!r} + '/work', 'a')",
        "open({0!r} + '/new', 'w')",
        "os.listdir({0!r})",
        "os.truncate({0!r} + '/work', 0)",
        "os.unlink({0!r} + '/work')",
        "os.rename({0!r} + '/work', 'mine')",
        "os.rename({0!r}, {0!r} + '-moved')",
        "os.mkdir({0!r} + '/folder')",
        "os.symlink('x', {0!r} + '/link')",
        "os.link({0!r} + '/work', 'mine')",
        "os.rmdir({0!r})",
        "os.setxattr({0!r} + '/work', 'user.a', b'b')",
        "os.chown({0!r} + '/work', os.getuid(), os.getgid())",
    ],
)
def test_a_neighbours_files_are_out_of_reach(
    act: str, cells: CellServer, scratch: Path, neighbour: Path
) -> None:
    code = f"def attempt():\n import os\n {act.format(str(neighbour))}\n return 'reached'"
    assert cells.run(code, shared_plan(scratch)).errno in {
        errno.EACCES,
        errno.EPERM,
        errno.ENOTSUP,
        errno.EXDEV,
    }
    assert [path.name for path in neighbour.iterdir()] == ["work"]
    assert (neighbour / "work").read_text() == "the neighbour's"


@pytest.mark.parametrize(
    "act", ["os.chmod({0!r}, 0o755)", "os.chmod({0!r} + '/work', 0o777)", "os.utime({0!r} + '/work', (1, 1))"]
)
def test_what_landlock_passes_over_is_answered_and_not_done(
    act: str, cells: CellServer, scratch: Path, neighbour: Path
) -> None:
    """A change of mode or time of what the same user owns: copying files ends with one."""
    before = [_metadata(path) for path in (neighbour, neighbour / "work")]
    code = f"def attempt():\n import os\n {act.format(str(neighbour))}\n return 'answered'"
    assert cells.run(code, shared_plan(scratch)).value == "answered"
    assert [_metadata(path) for path in (neighbour, neighbour / "work")] == before
    unfiltered = strict_plan(scratch, without=OWN | {Layer.SECCOMP})
    assert cells.run(code, unfiltered).value == "answered"
    assert [_metadata(path) for path in (neighbour, neighbour / "work")] != before


def _metadata(path: Path) -> tuple[int, int]:
    status = path.stat()
    return stat.S_IMODE(status.st_mode), status.st_mtime_ns


# --- versions of Landlock


def test_every_version_handles_what_it_knows() -> None:
    everything = FileAccess(0xFFFF)
    assert [handled_files(abi) for abi in range(1, 8)] == [
        FileAccess(0x1FFF),
        FileAccess(0x3FFF),
        FileAccess(0x7FFF),
        FileAccess(0x7FFF),
        everything,
        everything,
        everything,
    ]
    assert handled_files(20) == everything  # a later one adds what this code does not know


def test_without_mounts_of_its_own_a_worker_needs_landlock_to_forbid_truncation() -> None:
    assert required_abi(read_only_mounts=True) == 1
    assert FileAccess.TRUNCATE in handled_files(required_abi(read_only_mounts=False))


@pytest.mark.parametrize(("abi", "read_only_mounts", "linux"), [(0, True, "5.13"), (2, False, "6.2")])
def test_an_older_landlock_is_refused_with_the_linux_it_takes(
    abi: int, read_only_mounts: bool, linux: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a kernel that says so of itself, which cannot be had here."""
    monkeypatch.setattr(kernel, "landlock_abi", lambda: abi)
    with pytest.raises(OSError, match=f"Landlock has ABI {abi}, .* needs .: Linux {linux}, "):
        open_rules(readable=(), devices=(), read_only_mounts=read_only_mounts)


def _open_descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_a_missing_path_leaves_no_other_open() -> None:
    before = _open_descriptors()
    with pytest.raises(FileNotFoundError, match="/nowhere"):
        open_rules(readable=("/usr", "/nowhere"), devices=("/dev/null",), read_only_mounts=True)
    assert _open_descriptors() == before


def test_rules_are_open_until_they_are_closed() -> None:
    before = _open_descriptors()
    rules = open_rules(readable=("/usr",), devices=("/dev/null",), read_only_mounts=True)
    assert len(_open_descriptors()) == len(before) + 2
    rules.close()
    assert _open_descriptors() == before


def test_importing_confinement_brings_neither_dspy_nor_a_thread() -> None:
    code = (
        "import sys, threading, dspash_worker.confinement;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'dspy', 'numpy', 'asyncio', 'socket'}),"
        "threading.active_count())"
    )
    command = [sys.executable, "-I", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert result.stdout.split() == ["[]", "1"]
