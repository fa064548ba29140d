"""Heap: what was written stands in large pages afterwards, and is what it was."""

from __future__ import annotations

import mmap
from pathlib import Path

from dspash_worker.zygote.heap import LARGE_BYTES, collapse


def large_bytes() -> int:
    """How much of this process's memory stands in large pages."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("AnonHugePages:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not say")


def test_what_was_written_is_put_into_large_pages() -> None:
    text = b"what a zygote has learnt " * 1000
    before = large_bytes()
    with mmap.mmap(-1, 4 * LARGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        for place in range(0, len(memory) - len(text), len(text)):
            memory[place : place + len(text)] = text
        whole = memory[:]

        assert collapse() >= 3  # wherever it begins, so many large ones fit
        assert large_bytes() - before >= 3 * LARGE_BYTES
        assert memory[:] == whole
