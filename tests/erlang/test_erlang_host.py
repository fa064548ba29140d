"""A host in Erlang drives real workers through a `{packet, 4}` port, at the plain level."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.chat_server import ChatServer
from tests.e2e.plain_dialogue import API_KEY, WRONG_KEY, Step, dialogue, fits, to_json

pytestmark = [pytest.mark.erlang, pytest.mark.slow, pytest.mark.timeout(60)]

HOST: Final = Path(__file__).with_name("host.escript")

WITNESS: Final = """\
#!/bin/sh
"{python}" "$@"
echo $? > "{folder}/status"
"""


@dataclass(frozen=True)
class Run:
    """What the host reported, what the workers printed, and what was asked of the model."""

    steps: list[Step]
    report: dict[str, Any]
    stdout: str
    stderr: str
    requests: int


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("erlang")
    for pipe in ("status", "spinning"):
        os.mkfifo(folder / pipe)
    witness = folder / "witness"
    witness.write_text(WITNESS.format(python=sys.executable, folder=folder))
    witness.chmod(0o755)
    with ChatServer.running(api_key=API_KEY) as server:
        steps = dialogue(server.api_base)
        (folder / "dialogue.json").write_text(to_json(steps))
        command = ["escript", str(HOST), sys.executable, str(witness), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        (line,) = done.stdout.splitlines()
        return Run(steps, json.loads(line), done.stdout, done.stderr, len(server.asked))


def test_each_answer_is_what_the_plain_level_promises(run: Run) -> None:
    answers = run.report["dialogue"]
    unfit = [
        (step.name, answer)
        for step, answer in zip(run.steps, answers, strict=True)
        if not fits(step.expected, answer)
    ]
    assert unfit == []


def test_worker_calls_the_configured_model_by_itself(run: Run) -> None:
    assert run.requests > len(run.report["crowd"])


def test_definitions_and_calls_may_be_sent_without_waiting(run: Run) -> None:
    assert run.report["pipelined"] == [
        {"result": {"id": "late", "type": "predict", "signature": "question -> answer"}},
        {"result": {"id": "later", "type": "forward_fn", "modules": ["ask"]}},
        {"result": {"answer": "42"}},
    ]


def test_callers_at_once_each_get_their_own_answer(run: Run) -> None:
    answers = {each["asked"]: each["answer"] for each in run.report["crowd"]}
    assert answers == {number: {"result": {"answer": str(number + 1)}} for number in range(1, 41)}


def test_prints_go_to_stderr_and_disturb_no_frame(run: Run) -> None:
    assert "searching for" in run.stderr
    assert "searching for" not in run.stdout


def test_worker_ends_well_after_shutdown(run: Run) -> None:
    assert run.report["shutdown"]["exit_status"] == 0
    assert set(run.report["shutdown"]["answer"]["result"]) == {"outcomes"}


def test_closing_the_port_ends_a_worker_at_work_with_status_0(run: Run) -> None:
    assert run.report["closed"] == {"said": "spinning", "exit_status": 0}


def test_no_key_comes_back_in_any_answer_nor_is_it_printed(run: Run) -> None:
    for key in (API_KEY, WRONG_KEY):
        assert key not in run.stdout
        assert key not in run.stderr
