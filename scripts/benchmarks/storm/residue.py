"""Residue: what a process holds, and what a closed app has left of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psutil

__all__ = ["OWN_THREADS", "Holdings", "family", "resident_bytes"]

OWN_THREADS: Final = "storm"
"""How the names of the storm's own threads begin: no app's business."""

_STEP_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Holdings:
    """Processes, threads, file descriptors and temporary files at one moment, each with what it is called."""

    processes: frozenset[str]
    threads: frozenset[str]
    descriptors: frozenset[str]
    files: frozenset[str]

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Look at this process. `folder` is its TMPDIR: whoever has it in the environment descends from us."""
        return cls(
            frozenset(f"process {process.pid}" for process in family(folder)),
            frozenset(
                f"thread {thread.name} {thread.ident}"
                for thread in threading.enumerate()
                if not thread.name.startswith(OWN_THREADS)
            ),
            frozenset(_descriptors()),
            frozenset(f"file {path.relative_to(folder)}" for path in folder.rglob("*")),
        )

    @classmethod
    def settle(cls, folder: Path, *, before: Self, limit_s: float) -> Self:
        """Look again and again until nothing is left over `before`, at most for `limit_s`."""
        deadline = time.monotonic() + limit_s
        while True:
            now = cls.take(folder)
            if not now.beyond(before) or time.monotonic() > deadline:
                return now
            time.sleep(_STEP_S)

    def beyond(self, before: Holdings) -> list[str]:
        """What is here and was not before, sorted."""
        fields: tuple[Callable[[Holdings], frozenset[str]], ...] = (
            lambda holdings: holdings.processes,
            lambda holdings: holdings.threads,
            lambda holdings: holdings.descriptors,
            lambda holdings: holdings.files,
        )
        return sorted(name for pick in fields for name in pick(self) - pick(before))


def family(folder: Path) -> list[psutil.Process]:
    """Our descendants, and every process that has `folder` in its environment although it left the tree."""
    mark = os.fsencode(folder)
    found = {process.pid: process for process in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter():
        if process.pid in found or process.pid == os.getpid():
            continue
        try:
            marked = mark in Path(f"/proc/{process.pid}/environ").read_bytes()
        except OSError:
            continue  # it has ended, or is somebody else's
        if marked:
            found[process.pid] = process
    return [process for process in found.values() if process.is_running()]


def resident_bytes() -> int:
    """What this process has in memory."""
    return int(psutil.Process().memory_info().rss)


def _descriptors() -> list[str]:
    """Each open descriptor with what it leads to."""
    found: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(f"descriptor {entry.name} → {entry.readlink()}")
        except OSError:
            continue  # the one that listed the folder
    return found
