"""How commands end: a status the shell understands, and one line for whatever went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from dspash import (
    CallTimeoutError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    ProgramError,
    Progress,
    StoreBusyError,
    SupervisorGaveUpError,
    TransitionError,
)
from dspash.cli.entry import run
from dspash.cli.exit_status import MEANINGS, ExitStatus
from dspash.cli.group import dspash
from dspash.cli.resource_group import ALIASES, read_index

COMMANDS = sorted(
    dspash().commands.keys()
    - {entry.command for entry in read_index()}
    - ALIASES.keys()
    - {"batch", "db", "lm"}
)


@dataclass(frozen=True)
class Report:
    """What a supervisor's report looks like to an error."""

    def summary(self) -> str:
        return "child 'worker-1' given up"

    def render(self) -> str:
        return "child 'worker-1' given up\nlast lines of stderr:\n    no module named dspash_worker"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return a function that makes `dspash version` raise."""

    def fail_with(error: BaseException) -> None:
        def fail() -> str:
            raise error

        monkeypatch.setattr("dspash.cli.version.platform.python_version", fail)

    return fail_with


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["demo", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["demo", "--workers", "0"], "--workers"),
        (["demo", "--task", "poetry"], "--task"),
        (["demo", "--task", "intents"], "--data"),
        (["demo", "--data", "/no/such/folder"], "/no/such/folder/train.json"),
        (["demo", "--task", "intents", "--data", "/no/such/folder"], "/no/such/folder/train.jsonl"),
        (["demo", "--lm", "nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_one_line_that_names_it(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitStatus.BAD_INPUT

    out, err = capsys.readouterr()
    assert named in err.splitlines()[-1]
    assert err.count("\n") == 1
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("lm", "none of that name", "give another"), ExitStatus.BAD_INPUT),
        (CallTimeoutError(timeout_s=1, progress=Progress.SENT), ExitStatus.FAILED),
        (SupervisorGaveUpError(Report()), ExitStatus.UNAVAILABLE),
        (StoreBusyError("x.db", waited_s=5), ExitStatus.UNAVAILABLE),
        (NotFoundError("no Program of that name"), ExitStatus.NOT_FOUND),
        (
            TransitionError(resource="Program", state="draft", action="promote", fitting=["compile"]),
            ExitStatus.REFUSED,
        ),
        (
            ConflictError(
                resource="Program", conflict="unique", problem="the name is taken", way_out="give another"
            ),
            ExitStatus.REFUSED,
        ),
        (KeyboardInterrupt(), ExitStatus.INTERRUPTED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_one_line_and_a_status(
    failing: Callable[[BaseException], None],
    error: BaseException,
    status: ExitStatus,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing(error)

    assert run(["version"]) == status
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(lines) == 1  # the blank one ends the terminal's ^C
    assert "Traceback" not in lines[0]


@pytest.mark.parametrize("arguments", [["--debug", "version"], ["version", "--debug"]])
def test_debug_shows_the_traceback_and_the_worker_side(
    failing: Callable[[BaseException], None], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ProgramError("division by zero", type="ZeroDivisionError", traceback="line 3 of the program"))

    assert run(arguments) == ExitStatus.FAILED
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "line 3 of the program" in err
    assert "division by zero" in err.splitlines()[-1]


def test_debug_shows_why_the_supervisor_gave_up(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(SupervisorGaveUpError(Report()))
    run(["version"])
    assert "no module named" not in capsys.readouterr().err

    run(["version", "--debug"])
    assert "no module named dspash_worker" in capsys.readouterr().err


def test_an_error_is_json_where_json_was_asked_for(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ConfigurationError("lm", "none of that name", "give another"))

    assert run(["version", "--json"]) == ExitStatus.BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["error"] == {
        "type": "ConfigurationError",
        "message": "lm: none of that name; give another",
        "status": 2,
    }


def test_wrong_usage_is_json_where_json_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--json", "--nonsense"]) == ExitStatus.BAD_INPUT

    assert "--nonsense" in json.loads(capsys.readouterr().err)["error"]["message"]


def test_a_near_command_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docter"]) == ExitStatus.BAD_INPUT

    assert "'doctor'" in capsys.readouterr().err


def test_every_status_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert MEANINGS.keys() == set(ExitStatus)
    run(["--help"])

    told = " ".join(capsys.readouterr().out.split())
    for status in ExitStatus:
        assert f"{status.value} {status.name.lower().replace('_', ' ')}" in told


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == ExitStatus.DONE

    out = capsys.readouterr().out
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_takes_debug(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == ExitStatus.DONE

    told = capsys.readouterr().out
    assert "--debug" in told
    assert "--json" in told


def test_version_names_the_installed_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["version", "--json"]) == ExitStatus.DONE
    told = json.loads(capsys.readouterr().out)

    assert told["dspash"] == metadata.version("dspash")
    assert told["dspy"] == metadata.version("dspy")


def test_bad_data_starts_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr("dspash.demo.run.open_app", refuse)
    (tmp_path / "train.json").write_text("[")

    assert run(["demo", "--data", str(tmp_path)]) == ExitStatus.BAD_INPUT
