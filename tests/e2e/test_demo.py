"""The main job as its users run it: the installed command, real workers, real data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

COMMAND: Final = Path(sysconfig.get_path("scripts")) / "dspash"
BOUND_S: Final = 60.0
GONE_WITHIN_S: Final = 10.0


def dspash_demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it; on a database of its own, where none is named."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [COMMAND, "demo", *arguments],
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
            env={**os.environ, "DSPASH_DATABASE_URL": str(Path(folder) / "demo.db"), **environment},
        )


def report_of(*arguments: str, **environment: str) -> dict[str, Any]:
    """Run with --json; return its one line on stdout."""
    done = dspash_demo("--json", *arguments, **environment)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Run:
    """One run on a database that holds what it has made."""

    database: str
    done: subprocess.CompletedProcess[str]

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.done.stdout)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first run on a database, with --json; on two workers."""
    database = str(tmp_path_factory.mktemp("first") / "demo.db")
    return Run(database, dspash_demo("--json", "--workers", "2", DSPASH_DATABASE_URL=database))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run as people see it."""
    database = str(tmp_path_factory.mktemp("told") / "demo.db")
    return Run(database, dspash_demo(DSPASH_DATABASE_URL=database))


def test_the_own_questions_are_answered_better_after_optimisation(first: Run) -> None:
    report = first.report

    assert first.done.returncode == 0, first.done.stderr
    assert first.done.stdout.count("\n") == 1
    assert report["before"]["examples"] == report["after"]["examples"] == 79
    assert report["before"]["failed"] == report["after"]["failed"] == 0
    assert report["after"]["score"] > report["before"]["score"] + 0.2
    assert report["after"]["f1_score"] > report["before"]["f1_score"]
    # Two queries and an answer for each question, each a call that went through the gateway.
    assert report["before"]["lm_calls"] == report["after"]["lm_calls"] == 3 * 79
    assert report["optimization"]["lm_calls"] > 0
    assert len(report["answers"]) == 3
    assert all(answer["outputs"]["answer"] for answer in report["answers"])


def test_the_outcome_does_not_depend_on_the_number_of_workers(first: Run) -> None:
    def outcome(report: dict[str, Any]) -> Any:
        return [{**report[when], "seconds": None} for when in ("before", "after")], report["answers"]

    assert outcome(report_of("--workers", "1")) == outcome(first.report)


def test_the_next_run_begins_with_what_the_last_one_made(first: Run) -> None:
    second = report_of(DSPASH_DATABASE_URL=first.database)
    anew = report_of("--anew", DSPASH_DATABASE_URL=first.database)

    kept = {"database": first.database, "program": "SimplifiedBaleen"}
    assert first.report["kept"] == {**kept, "began": None, "made": 2, "live": 2}
    assert (second["start"], second["kept"]["began"]) == ("version 2", 2)
    assert second["before"]["score"] == first.report["after"]["score"]
    assert (anew["start"], anew["before"]["score"]) == ("plain", first.report["before"]["score"])


def test_people_see_the_stages_the_answers_and_a_table(told: Run) -> None:
    lines = told.done.stdout.splitlines()

    assert told.done.returncode == 0, told.done.stderr
    assert told.done.stderr == ""
    stages = ["start workers", "evaluate plain", "optimise", "evaluate optimised", "answer questions"]
    assert [line.split(":")[0] for line in lines[1:6]] == stages
    assert told.done.stdout.count("expected: ") == 3
    assert any("exact match" in line and "%" in line for line in lines[-14:])


def test_what_a_run_has_made_can_be_looked_at(told: Run) -> None:
    environment = {**os.environ, "DSPASH_DATABASE_URL": told.database}
    lines = told.done.stdout.splitlines()
    commands = [line.split()[1:] for line in lines[lines.index("have a look:") + 1 :]]

    assert len(commands) >= 3
    for command in commands:
        looked = subprocess.run(
            [COMMAND, *command], capture_output=True, text=True, timeout=BOUND_S, check=False, env=environment
        )
        assert looked.returncode == 0, (command, looked.stderr)
        assert looked.stdout.strip()


def test_a_console_that_knows_ascii_only_and_no_place_to_keep_anything_are_enough(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = dspash_demo(DSPASH_DATABASE_URL="", XDG_DATA_HOME=str(tmp_path / "file"), PYTHONIOENCODING="ascii")

    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "exact match" in done.stdout
    assert "have a look" not in done.stdout
    assert "nothing is kept" in done.stderr


@pytest.mark.data
@pytest.mark.parametrize("seed", [0, 1])
def test_hotpotqa_is_answered_better_after_optimisation(shared_data: Path, seed: int) -> None:
    report = report_of("--data", str(shared_data / "hotpotqa"), "--seed", str(seed))

    assert report["before"]["examples"] == 30
    assert report["before"]["failed"] == report["after"]["failed"] == 0
    assert report["after"]["score"] > report["before"]["score"]
    assert report["after"]["f1_score"] > report["before"]["f1_score"]


@pytest.mark.data
@pytest.mark.parametrize("seed", [0, 1])
def test_intents_are_told_better_after_optimisation(shared_data: Path, seed: int) -> None:
    report = report_of("--task", "intents", "--data", str(shared_data / "banking77"), "--seed", str(seed))

    assert report["before"]["examples"] == 144
    assert report["before"]["failed"] == report["after"]["failed"] == 0
    assert report["after"]["score"] > report["before"]["score"] + 0.05
    assert report["before"]["score"] == report["before"]["accuracy"]


def test_a_missing_folder_and_broken_json_are_one_line_each(tmp_path: Path) -> None:
    broken = tmp_path / "train.json"
    broken.write_text('[{"question": "Where?", "answer": "Rome", "context": [')
    for folder, named in ((tmp_path / "nowhere", "there is no such file"), (tmp_path, "Invalid JSON")):
        done = dspash_demo("--data", str(folder))

        assert done.returncode == 2
        assert done.stdout == ""
        assert str(folder / "train.json") in done.stderr
        assert named in done.stderr
        assert done.stderr.count("\n") == 1


@contextmanager
def running_demo() -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [COMMAND, "demo", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=BOUND_S)


def wait_for_line(stream: IO[str], opening: str) -> str:
    """Read lines until one begins so; return them all. Bounded by the test's own time limit."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.startswith(opening):
            return "".join(lines)
    raise AssertionError(f"it ended without {opening!r}: {''.join(lines)}")


@pytest.mark.serial
@pytest.mark.parametrize("stage", ["multi-hop questions", "start workers", "evaluate plain"])
def test_ctrl_c_ends_it_and_all_its_workers(stage: str) -> None:
    with running_demo() as demo:
        assert demo.stderr is not None
        told = wait_for_line(demo.stderr, stage)
        started = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=BOUND_S)

        assert demo.returncode == 130, told + err
        assert out == ""
        assert err.splitlines()[-1] == "interrupted"
        assert "Traceback" not in err
        assert psutil.wait_procs(started, timeout=GONE_WITHIN_S)[1] == []
