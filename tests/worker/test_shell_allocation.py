"""Large frames: their memory is kept for the next one, and no more than that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dspash_worker.allocation import KEPT_BYTES

if TYPE_CHECKING:
    from worker.conftest import ShellHost

MIB = 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told to keep memory")
def test_memory_of_one_large_frame_serves_the_next(shell: ShellHost) -> None:
    payload = b"x" * MIB

    def faults() -> int:
        """Pages that the worker had to be given so far."""
        stat = Path(f"/proc/{shell.process.pid}/stat").read_text()
        return int(stat.rsplit(")", 1)[1].split()[7])

    for _ in range(5):
        shell.result(shell.ask("ping", {"payload": payload}))
    before = faults()
    for _ in range(10):
        shell.result(shell.ask("ping", {"payload": payload}))
    pages_of_one = MIB // 4096
    assert faults() - before < 10 * pages_of_one


def test_huge_frames_leave_little_behind(shell: ShellHost) -> None:
    def rss() -> int:
        return shell.result(shell.ask("stats"))["worker"]["rss"]

    before = rss()
    for _ in range(3):
        shell.result(shell.ask("ping", {"payload": b"x" * (48 * MIB)}))
    assert rss() - before < 2 * KEPT_BYTES
