"""Crash reports: the real cause is in them, and the Python stack is found in what real interpreters write."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from dspash.supervision import (
    CrashReport,
    Death,
    RestartHistory,
    RestartRecord,
    Signalled,
    StartFailed,
    find_python_stack,
)

MIB = 1024 * 1024
FIRST = RestartRecord("pool.0", 1, StartFailed("exit before hello"), 100.0, 1, 1)
SECOND = RestartRecord("pool.0", 2, Signalled(11), 101.5, 2, 0)
KILLED = Death(
    "pool.0",
    3,
    Signalled(9),
    ready_s=0.5,
    stderr_tail=("loading", "Traceback (most recent call last):", "  File 'x.py', line 1", "MemoryError"),
    in_flight=("forward #12", "execute #13"),
    memory_bytes=3990 * MIB,
)


def stderr_of(code: str, *options: str) -> list[str]:
    # An empty environment: what a developer's own settings make an interpreter write is not under test.
    ended = subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={},
        timeout=15,
    )
    assert ended.returncode != 0
    return ended.stderr.splitlines()


def test_the_report_shows_the_real_cause_and_all_that_is_known() -> None:
    assert CrashReport(KILLED, "crash 3 within 5 s (limit 2)", (FIRST, SECOND), 102.0).render() == (
        "child 'pool.0' given up at crash 3 within 5 s (limit 2): generation 3 was killed by SIGKILL"
        " (not sent by dspash: probably out of memory), holding 3990 MiB when last seen\n"
        "ready for 0.5 s\n"
        "in flight: forward #12, execute #13\n"
        "restarts before it (seconds ago, child/generation, why):\n"
        "         2.0  pool.0/1 did not start: exit before hello\n"
        "         0.5  pool.0/2 was killed by SIGSEGV (native code crashed)\n"
        "Python stack:\n"
        "    Traceback (most recent call last):\n"
        "      File 'x.py', line 1\n"
        "    MemoryError\n"
        "last lines of stderr:\n"
        "    loading\n"
        "    Traceback (most recent call last):\n"
        "      File 'x.py', line 1\n"
        "    MemoryError"
    )


def test_the_report_leaves_out_what_is_not_known() -> None:
    death = Death("pool.0", 1, StartFailed("no such interpreter"), ready_s=None)
    report = CrashReport(death, "failed start 1 in a row (limit 0)", (), 0.0)
    assert report.render() == (
        "child 'pool.0' given up at failed start 1 in a row (limit 0): generation 1 did not start:"
        " no such interpreter\nnever ready"
    )
    assert report.python_stack == ()


def test_the_report_is_bounded_to_the_latest_lines_and_restarts() -> None:
    history = RestartHistory()
    for generation in range(1, 31):
        crash = Death("pool.0", generation, Signalled(6), ready_s=0.0)
        history = history.add(history.record_of(crash, float(generation), stable_s=5.0), at_least=3)
    chatty = Death(
        "pool.0", 31, Signalled(6), ready_s=0.0, stderr_tail=tuple(f"line {n}" for n in range(200))
    )
    text = CrashReport(chatty, "a limit", history.restarts, 31.0).render()
    assert "    line 150\n" in text
    assert "    line 149\n" not in text
    assert "pool.0/21 " in text
    assert "pool.0/20 " not in text


def test_the_report_travels_between_processes() -> None:
    report = CrashReport(KILLED, "a limit", (FIRST, SECOND), 102.0)
    assert pickle.loads(pickle.dumps(report)) == report


def test_an_uncaught_exception_is_found_behind_its_cause() -> None:
    code = """
import sys
print("noise", file=sys.stderr)
try:
    raise ValueError("first")
except ValueError as error:
    raise KeyError("second") from error
"""
    stack = find_python_stack(stderr_of(code))
    assert stack[0] == "Traceback (most recent call last):"
    assert stack[-1] == "KeyError: 'second'"
    assert not any("ValueError" in line for line in stack)


def test_what_was_written_after_a_traceback_is_not_part_of_it() -> None:
    code = """
import atexit, sys
atexit.register(lambda: print("bye", file=sys.stderr))
raise LookupError("gone")
"""
    lines = stderr_of(code)
    assert lines[-1] == "bye"
    assert find_python_stack(lines)[-1] == "LookupError: gone"


def test_an_exception_group_is_found_whole() -> None:
    lines = stderr_of("raise ExceptionGroup('both', [ValueError(1), TypeError(2)])")
    assert find_python_stack(["noise", *lines, "after"]) == tuple(lines)


@pytest.mark.parametrize("threads", [0, 2])
def test_a_fatal_error_is_found_with_all_its_threads(threads: int) -> None:
    code = f"""
import os, signal, threading
for _ in range({threads}):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("noise", file=__import__("sys").stderr, flush=True)
os.kill(os.getpid(), signal.SIGSEGV)
"""
    stack = find_python_stack(
        [*stderr_of(code, "-X", "faulthandler"), "", "Extension modules: numpy (total: 1)"]
    )
    assert stack[0] == "Fatal Python error: Segmentation fault"
    assert sum("hread 0x" in line for line in stack) == 1 + threads
    assert stack[-1].startswith("  File ")


def test_a_fatal_error_is_found_with_the_one_thread_that_is_told_of() -> None:
    code = """
import faulthandler, os, signal
faulthandler.enable(all_threads=False)
os.kill(os.getpid(), signal.SIGSEGV)
"""
    stack = find_python_stack([*stderr_of(code), "", "Extension modules: numpy (total: 1)"])
    assert stack[0] == "Fatal Python error: Segmentation fault"
    assert stack[-1].startswith("  File ")


@pytest.mark.parametrize(
    "lines", [[], ["only noise"], ["  File 'x.py', line 1", "ValueError: cut off at its head"]]
)
def test_no_stack_is_found_where_none_begins(lines: list[str]) -> None:
    assert find_python_stack(lines) == ()


def test_a_traceback_cut_off_at_its_end_is_shown_as_far_as_it_goes() -> None:
    cut = ["Traceback (most recent call last):", "  File 'x.py', line 1"]
    assert find_python_stack(cut) == tuple(cut)
