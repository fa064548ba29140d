"""The storm's own parts: a judge that cannot be fooled, and plans that can be repeated."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import dspash
from benchmarks.storm.deeds import PROGRAM_SOURCE, Deed
from benchmarks.storm.ledger import Entry, Expectation, Ledger
from benchmarks.storm.plan import CALM, MakeCall, Plan, Reopen, SignalWorker
from benchmarks.storm.residue import Holdings


def made(
    ledger: Ledger, *, timeout_s: float = 60, expected: Expectation | None = None
) -> tuple[Entry, Future[Any]]:
    entry = Entry("token-1", "echo", 7, timeout_s, lambda answer: answer, expected or Expectation())
    future: Future[Any] = Future()
    ledger.enter(entry, future)
    return entry, future


def test_own_answer_is_fine() -> None:
    ledger = Ledger()
    _, future = made(ledger)
    future.set_result("token-1")
    ledger.settle(8)
    assert (ledger.violations, ledger.open, ledger.outcomes["answered"]) == ([], [], 1)


def test_somebody_elses_answer_is_a_violation() -> None:
    ledger = Ledger()
    made(ledger)[1].set_result("token-2")
    assert "somebody else's answer: 'token-2'" in ledger.violations[0]


def test_call_without_outcome_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.storm.ledger._LATE_S", 0.0)
    ledger = Ledger()
    made(ledger, timeout_s=0)
    ledger.settle(8)
    assert "was lost" in ledger.violations[0]
    assert ledger.open == []


def test_second_ending_of_a_call_is_a_violation() -> None:
    ledger = Ledger()
    entry, future = made(ledger)
    future.set_result("token-1")
    ledger._end(entry, future)
    assert "ended 2 times" in ledger.violations[0]


def test_cancelled_call_is_fine_only_when_somebody_cancelled_it() -> None:
    ledger = Ledger()
    entry, future = made(ledger)
    entry.cancelled = True
    assert future.cancel()
    future.set_running_or_notify_cancel()
    assert ledger.violations == []
    _, future = made(ledger)
    assert future.cancel()
    future.set_running_or_notify_cancel()
    assert "cancelled by nobody" in ledger.violations[0]


def test_untyped_error_is_a_violation_and_an_expected_one_must_be_its_own() -> None:
    ledger = Ledger()
    made(ledger)[1].set_exception(KeyError("fields"))
    expected = Expectation.of(Deed.RAISE)
    made(ledger, expected=expected)[1].set_exception(dspash.ProgramError("token-1", type="ValueError"))
    made(ledger, expected=expected)[1].set_exception(dspash.ProgramError("token-9", type="ValueError"))
    made(ledger, expected=expected)[1].set_exception(dspash.UnserialisableError("no"))
    made(ledger, expected=expected)[1].set_result("token-1")
    problems = [violation.split("(echo) ")[1] for violation in ledger.violations]
    starts = (
        "failed with KeyError",
        "got another's error",
        "failed with UnserialisableError",
        "was answered",
    )
    assert all(problem.startswith(start) for problem, start in zip(problems, starts, strict=True))


def test_closed_error_is_fine_only_while_the_app_is_being_closed() -> None:
    ledger = Ledger(closing=True)
    made(ledger)[1].set_exception(dspash.ClosedError("app"))
    assert ledger.violations == []
    ledger.closing = False
    made(ledger)[1].set_exception(dspash.ClosedError("app"))
    assert len(ledger.violations) == 1


def test_call_that_ran_twice_is_a_violation() -> None:
    ledger = Ledger()
    ledger.check_runs(["token-1", "token-2", "token-1"])
    assert ledger.violations == ["call token-1 ran 2 times"]


def test_plan_repeats_itself_from_its_seed_alone() -> None:
    assert list(Plan(seed=4, steps=500)) == list(Plan(seed=4, steps=500))
    assert list(Plan(seed=4, steps=500)) != list(Plan(seed=5, steps=500))


def test_longer_storm_begins_like_the_shorter_one_of_its_seed() -> None:
    assert list(itertools.islice(Plan(seed=4, steps=900), 100)) == list(Plan(seed=4, steps=100))


def test_ten_thousand_steps_hold_every_deed_and_every_kind_of_step() -> None:
    steps = list(Plan(seed=1, steps=10_000))
    assert {step.deed for step in steps if isinstance(step, MakeCall)} == set(Deed)
    assert len({type(step) for step in steps}) == 10
    assert len({step.number for step in steps if isinstance(step, SignalWorker)}) == 2


def test_calm_weather_ends_no_worker() -> None:
    steps = list(Plan(seed=1, steps=5_000, weather=CALM))
    assert not any(isinstance(step, SignalWorker | Reopen) for step in steps)


def test_program_has_a_method_for_every_deed() -> None:
    compile(PROGRAM_SOURCE, "storm", "exec")
    assert [deed for deed in Deed if f"def do_{deed}(self, token, amount)" not in PROGRAM_SOURCE] == []


def test_residue_names_each_process_thread_descriptor_and_file_left_behind(tmp_path: Path) -> None:
    before = Holdings.take(tmp_path)
    assert before.beyond(before) == []
    stay = threading.Event()
    thread = threading.Thread(target=stay.wait, name="left-thread")
    thread.start()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (tmp_path / "left-file").touch()
    with tempfile.TemporaryFile() as left:
        found = Holdings.take(tmp_path).beyond(before)
        expected = (
            f"process {child.pid}",
            "thread left-thread",
            f"descriptor {left.fileno()} ",
            "file left-file",
        )
        assert [start for start in expected if not any(name.startswith(start) for name in found)] == []
    stay.set()
    thread.join()
    child.communicate(b"\n", timeout=10)
    (tmp_path / "left-file").unlink()
    assert Holdings.settle(tmp_path, before=before, limit_s=5).beyond(before) == []


def test_residue_finds_a_process_that_left_the_tree_by_its_environment(tmp_path: Path) -> None:
    before = Holdings.take(tmp_path)
    pid_file = tmp_path / "pid"
    # The shell ends at once, so the sleeper is no descendant of ours any more.
    subprocess.run(
        ["sh", "-c", 'setsid sleep 600 & echo $! > "$TMPDIR/pid"'],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=True,
        timeout=10,
    )
    sleeper = int(pid_file.read_text())
    try:
        assert f"process {sleeper}" in Holdings.take(tmp_path).beyond(before)
    finally:
        os.kill(sleeper, 9)
    pid_file.unlink()
    left = Holdings.settle(tmp_path, before=before, limit_s=5)
    assert left.beyond(before) == []
