"""Leaks: what a process holds, and what tests that used an app have left of it."""

from __future__ import annotations

import contextlib
import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Holdings", "children", "no_leaks", "wait_until"]

BOUND_S = 10.0
STEP_S = 0.005


def wait_until(holds: Callable[[], object], what: str, *, bound_s: float = BOUND_S) -> None:
    """Look until `holds()` is true; fail when it is not within the bound."""
    end = time.monotonic() + bound_s
    while not holds():
        assert time.monotonic() < end, f"waited {bound_s:g} s for {what}"
        time.sleep(STEP_S)


@dataclass(frozen=True, slots=True)
class Holdings:
    """Threads, descriptors, child processes and temporary files at one moment."""

    threads: frozenset[str]
    descriptors: frozenset[str]
    processes: frozenset[str]
    files: frozenset[str]

    @classmethod
    def take(cls, folder: Path) -> Holdings:
        """Look at this process; `folder` is where its temporary files are."""
        return cls(
            frozenset(f"thread {thread.name} {thread.ident}" for thread in threading.enumerate()),
            frozenset(_descriptors()),
            frozenset(f"process {child.pid} {name}" for child, name in _descendants()),
            frozenset(f"file {path.relative_to(folder)}" for path in folder.rglob("*")),
        )

    def beyond(self, before: Holdings) -> list[str]:
        """What is here and was not before."""
        new = (
            self.threads - before.threads,
            self.descriptors - before.descriptors,
            self.processes - before.processes,
            self.files - before.files,
        )
        return sorted(name for names in new for name in names)


def children() -> list[psutil.Process]:
    """The processes that this one has started and not reaped, but for the databases that all tests share."""
    mine = psutil.Process().pid
    return [child for child, _ in _descendants() if child.ppid() == mine]


def _descendants() -> Generator[tuple[psutil.Process, str]]:
    """Every descendant of this process with its name; the databases come and go as they please."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if (name := child.name()) != "postgres":
                yield child, name


@contextlib.contextmanager
def no_leaks(folder: Path) -> Generator[None, None, None]:
    """Fail when the block leaves a thread, a descriptor, a process or a temporary file behind.

    Temporary files of this process and of its workers are made in `folder`.
    """
    before_tmpdir = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    before = Holdings.take(folder)
    try:
        yield
        left: list[str] = []

        def is_clean() -> bool:
            gc.collect()
            with contextlib.suppress(psutil.NoSuchProcess):
                left[:] = Holdings.take(folder).beyond(before)
            return not left

        with contextlib.suppress(AssertionError):
            wait_until(is_clean, "everything to be gone", bound_s=5.0)
        assert left == []
    finally:
        tempfile.tempdir = None
        if before_tmpdir is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before_tmpdir


def _descriptors() -> Generator[str, None, None]:
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            yield f"descriptor {entry.name} {entry.readlink()}"
