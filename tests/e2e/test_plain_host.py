"""A host that knows nothing but the frames drives a real worker at the plain level, in JSON and in msgpack."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgpack
import pytest

from tests.chat_server import ChatServer
from tests.e2e.plain_dialogue import API_KEY, WRONG_KEY, Step, dialogue, fits
from tests.e2e.plain_host import Worker, WorkerError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

CODECS: Final[dict[str, ModuleType]] = {"json": json, "msgpack": msgpack}

SPY: Final = """\
import sys

def note(event, args, log=open({log!r}, "a", buffering=1)):
    if event == "socket.connect":
        log.write(f"{{args[1]}}\\n")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        log.write(f"{{args[:2]}}\\n")

sys.addaudithook(note)
"""
"""Run by the worker's interpreter before anything else: notes every address it connects to and every name it looks up."""


class RecordedWorker(Worker):
    """Keeps every byte that the worker has sent."""

    heard: bytes = b""

    def read(self, count: int) -> bytes:
        data = super().read(count)
        self.heard += data
        return data


@dataclass(frozen=True)
class Conversation:
    """A dialogue as it was held."""

    steps: list[Step]
    answers: list[Any]
    heard: bytes  # all frames from the worker
    left_over: bytes  # what it sent when nothing was asked of it any more
    exit_status: int
    stderr: str
    model_port: int
    addresses: list[str]  # that the worker's process spoke to


def _hold(codec: str, folder: Path) -> Conversation:
    (folder / "sitecustomize.py").write_text(SPY.format(log=str(folder / "addresses")))
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with ChatServer.running(api_key=API_KEY) as server, (folder / "stderr").open("wb") as stderr:
        steps = dialogue(server.api_base)
        worker = RecordedWorker(CODECS[codec], stderr=stderr, env=environment)
        with worker.process:
            try:
                answers = [_ask(worker, step) for step in steps]
                exit_status = worker.close()
                left_over = worker.answers.read()
            finally:
                worker.process.kill()
    printed = (folder / "stderr").read_text()
    addresses = (folder / "addresses").read_text().splitlines()
    return Conversation(steps, answers, worker.heard, left_over, exit_status, printed, server.port, addresses)


def _ask(worker: Worker, step: Step) -> dict[str, Any]:
    try:
        return {"result": worker.call(step.command, step.args)}
    except WorkerError as error:
        return {"error": error.args[0]}


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Conversation]:
    return {codec: _hold(codec, tmp_path_factory.mktemp(codec)) for codec in CODECS}


@pytest.fixture(params=CODECS)
def held(request: pytest.FixtureRequest, conversations: dict[str, Conversation]) -> Conversation:
    return conversations[request.param]


def test_each_answer_is_what_the_plain_level_promises(held: Conversation) -> None:
    pairs = zip(held.steps, held.answers, strict=True)
    assert [(step.name, answer) for step, answer in pairs if not fits(step.expected, answer)] == []


def test_each_error_is_one_text(held: Conversation) -> None:
    errors = [answer["error"] for answer in held.answers if "error" in answer]
    assert errors
    assert {type(error) for error in errors} == {str}


def test_an_optimised_program_leaves_the_original_as_it_was(held: Conversation) -> None:
    answers = {step.name: answer for step, answer in zip(held.steps, held.answers, strict=True)}
    assert answers["the program stays as it was"] == answers["execute"]
    assert answers["optimize"]["result"]["score"] > 0


def test_worker_says_nothing_that_was_not_asked(held: Conversation) -> None:
    assert len(list(_payloads(held.heard))) == len(held.steps)
    assert held.left_over == b""


def test_closing_its_stdin_ends_the_worker_with_status_0(held: Conversation) -> None:
    assert held.exit_status == 0


def test_prints_of_a_program_go_to_stderr(held: Conversation) -> None:
    assert "searching for" in held.stderr


def test_no_key_is_ever_told(held: Conversation) -> None:
    for key in (API_KEY, WRONG_KEY):
        assert key.encode() not in held.heard
        assert key not in held.stderr


def test_worker_speaks_to_its_model_and_to_nobody_else(held: Conversation) -> None:
    assert set(held.addresses) == {f"('127.0.0.1', {held.model_port})"}


def test_answers_come_in_the_codec_of_the_request(conversations: dict[str, Conversation]) -> None:
    assert {payload[0] for payload in _payloads(conversations["json"].heard)} == {ord("{")}
    assert {payload[0] for payload in _payloads(conversations["msgpack"].heard)} == {0x82}  # a map of two


def test_both_codecs_say_the_same(conversations: dict[str, Conversation]) -> None:
    assert conversations["json"].answers == conversations["msgpack"].answers


def _payloads(stream: bytes) -> Iterator[bytes]:
    while stream:
        (length,) = struct.unpack_from(">I", stream)
        yield stream[4 : 4 + length]
        stream = stream[4 + length :]
