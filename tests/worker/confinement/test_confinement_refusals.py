"""What cannot be done is said: a process that cannot be confined as planned names why, and runs nothing."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from dspash_protocol.confinement_plan import Layer
from tests.worker.confinement.cells import (
    CellServer,
    NotConfinedError,
    strict_plan,
)


def test_a_path_that_is_missing_is_named(cells: CellServer, scratch: Path) -> None:
    plan = replace(strict_plan(scratch), readable=("/nowhere/at/all",))
    with pytest.raises(NotConfinedError, match=r"landlock: .*'/nowhere/at/all'") as raised:
        cells.run("", plan)
    assert (raised.value.step, raised.value.errno) == ("landlock", errno.ENOENT)
    with pytest.raises(NotConfinedError, match=r"landlock: .*'/nowhere/at/all'"):
        cells.start("", plan, prepared=False)


def test_mounts_without_namespaces_are_refused(cells: CellServer, scratch: Path) -> None:
    with pytest.raises(NotConfinedError, match="mounts of its own take namespaces of its own") as raised:
        cells.run("", strict_plan(scratch, without=[Layer.NAMESPACES]))
    assert raised.value.step == "plan"


def test_a_scratch_that_is_missing_is_named(cells: CellServer, scratch: Path) -> None:
    plan = strict_plan(scratch / "missing")
    with pytest.raises(NotConfinedError, match=r"mounts: .*missing"):
        cells.start("", plan)
    with pytest.raises(NotConfinedError, match=r"mounts: .*mount: No such file or directory: .*missing"):
        cells.start("", plan, prepared=False)


MORE_NAMESPACES = """
def attempt():
    from dspash_worker.confinement import namespaces
    namespaces.enter_new()
"""


def test_a_limit_on_namespaces_is_named(cells: CellServer, scratch: Path) -> None:
    plan = strict_plan(scratch, without={Layer.SECCOMP, Layer.CAPABILITIES})
    outcome = cells.run(MORE_NAMESPACES, plan)
    assert outcome.errno == errno.ENOSPC
    assert "unshare: No space left on device (a limit on namespaces is reached" in outcome.text


def test_a_process_with_threads_is_refused_namespaces_by_that_name(cells: CellServer, scratch: Path) -> None:
    code = MORE_NAMESPACES.replace(
        "attempt():",
        "attempt():\n    import threading; threading.Thread(target=receive, daemon=True).start()",
    )
    outcome = cells.run(code, strict_plan(scratch, without=set(Layer)))
    assert outcome.errno == errno.EINVAL
    assert "or this process has more than one thread" in outcome.text


def test_a_thread_under_a_filter_of_its_own_keeps_all_from_another(cells: CellServer, scratch: Path) -> None:
    code = """
def attempt():
    import ctypes, threading
    from dspash_worker.confinement import kernel, seccomp
    program = seccomp.outer_program()
    class Program(ctypes.Structure): _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))
    apart, over = threading.Event(), threading.Event()
    def stand_apart():
        assert syscall("seccomp", 1, 0, ctypes.byref(Program(len(program) // 8, program))) == 0
        apart.set(); over.wait()
    threading.Thread(target=stand_apart, daemon=True).start()
    assert apart.wait(5)
    try: seccomp.install(program)
    finally: over.set()
"""
    outcome = cells.run(code, strict_plan(scratch, without=[Layer.SECCOMP]))
    assert "OSError: seccomp: a thread of this process is under another filter" in outcome.text
