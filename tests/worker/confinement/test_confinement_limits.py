"""What a confined process may use, and what happens where it wants more."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

import pytest

from dspash_protocol.confinement_plan import Layer
from tests.worker.confinement.cells import (
    CellServer,
    strict_plan,
    with_limits,
)

KILLED = signal.SIGKILL

OPEN_FILES = """
def attempt():
    import os
    held = []
    try:
        while len(held) < 2000: held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        return [len(held), error.errno]
    return [len(held), 0]
"""


def test_open_files_are_limited(cells: CellServer, scratch: Path) -> None:
    held, number = cells.run(OPEN_FILES, with_limits(strict_plan(scratch), open_files=32)).value
    assert held <= 32
    assert number == errno.EMFILE
    without = strict_plan(scratch, without=[Layer.RLIMITS])
    assert cells.run(OPEN_FILES, with_limits(without, open_files=32)).value[0] > 32


@pytest.mark.parametrize("limit", ["address_space_bytes", "data_bytes"])
def test_memory_is_limited(limit: str, cells: CellServer, scratch: Path) -> None:
    code = "def attempt(): return len(bytearray(700 << 20)) >> 20"
    limits = {limit: 600 << 20}
    assert cells.run(code, with_limits(strict_plan(scratch), **limits)).raised == "MemoryError"
    without = strict_plan(scratch, without=[Layer.RLIMITS])
    assert cells.run(code, with_limits(without, **limits)).value == 700


def test_shared_memory_counts_as_address_space(cells: CellServer, scratch: Path) -> None:
    """RLIMIT_DATA passes over it."""
    code = "def attempt():\n import mmap\n return len(mmap.mmap(-1, 900 << 20)) >> 20"
    limits = {"address_space_bytes": 800 << 20, "data_bytes": 800 << 20}
    assert cells.run(code, with_limits(strict_plan(scratch), **limits)).errno == errno.ENOMEM


def test_a_file_has_a_size(cells: CellServer, scratch: Path) -> None:
    code = "def attempt():\n open('big', 'wb').write(bytes(2 << 20))\n return 'written'"
    assert cells.run(code, with_limits(strict_plan(scratch), file_bytes=1 << 20)).errno == errno.EFBIG
    without = strict_plan(scratch, without=[Layer.RLIMITS])
    assert cells.run(code, with_limits(without, file_bytes=1 << 20)).value == "written"


THREADS = """
def attempt():
    import threading
    stop, started = threading.Event(), 0
    try:
        for _ in range(100):
            threading.Thread(target=stop.wait).start(); started += 1
    except RuntimeError: pass
    stop.set()
    return started
"""


def test_threads_are_limited(cells: CellServer, scratch: Path) -> None:
    assert cells.run(THREADS, with_limits(strict_plan(scratch), threads=16)).value < 16
    without = strict_plan(scratch, without=[Layer.RLIMITS])
    assert cells.run(THREADS, with_limits(without, threads=16)).value == 100


def test_other_workers_threads_do_not_count(cells: CellServer, scratch: Path) -> None:
    """As the kernel counts for a user in a user namespace, and each worker has its own."""
    waiting = THREADS.replace("stop.set()", "send(started); receive(); stop.set()")
    first = cells.start(waiting, with_limits(strict_plan(scratch), threads=16))
    started = first.receive()
    assert cells.run(THREADS, with_limits(strict_plan(scratch), threads=16)).value == started
    first.send("end")
    assert first.outcome().value == started


def test_past_its_cpu_seconds_a_worker_is_killed(cells: CellServer, scratch: Path) -> None:
    outcome = cells.run("def attempt():\n while True: pass", with_limits(strict_plan(scratch), cpu_s=1))
    assert outcome.value is None
    assert outcome.status & 0x7F == KILLED


def test_limits_cannot_be_raised(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import resource
    answers = []
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        soft, hard = resource.getrlimit(limit)
        try: resource.setrlimit(limit, (hard, hard + 1)); answers.append("raised")
        except (OSError, ValueError): answers.append(soft == hard)
    return answers
"""
    assert cells.run(code, strict_plan(scratch)).value == [True] * 4
