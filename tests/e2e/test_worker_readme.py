"""The worker's README is true: its frames, dialogues, tables and code are held against the worker itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from dspash_protocol import FaultKind
from dspash_worker.commands import HANDLERS
from dspash_worker.exit import ExitCode
from dspash_worker.metrics import METRIC_NAMES
from dspash_worker.module_types import MODULE_TYPES
from dspash_worker.options import Options
from tests.chat_server import ChatServer
from tests.e2e.plain_dialogue import API_KEY, fits
from tests.e2e.plain_host import Worker

REPOSITORY: Final = Path(__file__).resolve().parents[2]
README: Final = (REPOSITORY / "bridge_worker" / "README.md").read_text()

API_BASE: Final = "http://127.0.0.1:8000/v1"
"""The address in the README; the test's own server listens elsewhere."""


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker(stderr=subprocess.DEVNULL)
    with worker.process:
        yield worker
        worker.process.kill()


def test_frames_are_answered_byte_by_byte_as_shown(worker: Worker) -> None:
    in_json, in_msgpack, json_answer, msgpack_answer = _frames()
    for request, answer in ((in_json, json_answer), (in_msgpack, msgpack_answer)):
        worker.requests.write(request)
        worker.requests.flush()
        assert worker.read(len(answer)) == answer


@pytest.mark.slow
def test_dialogues_are_held_as_shown(worker: Worker) -> None:
    with ChatServer.running(api_key=API_KEY) as server:
        requests, answers = [], []
        for speaker, message in _said():
            (requests if speaker == "→" else answers).append(message)
        for request, answer in zip(requests, answers, strict=True):
            payload = json.dumps(request).replace(API_BASE, server.api_base).encode()
            worker.requests.write(len(payload).to_bytes(4, "big") + payload)
            worker.requests.flush()
            got = json.loads(worker.read(int.from_bytes(worker.read(4), "big")))
            assert fits(answer, got), got
    assert [request["id"] for request in requests] == list(range(1, len(requests) + 1))


def test_options_have_the_defaults_shown() -> None:
    shown = {row[0].strip("`"): row[1] for row in _table("option")}
    defaults = Options()
    assert shown == {
        "--concurrency": str(defaults.concurrency),
        "--max-frame": str(defaults.max_frame),
        "--write-deadline": f"{defaults.write_deadline_s:g}",
    }


def test_start_command_starts_a_worker_with_the_options_shown() -> None:
    (line,) = re.findall(r"^    python (-P -m dspash_worker)", README, re.MULTILINE)
    command = [sys.executable, *line.split(), "--help"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=15, check=True)
    helped = set(re.findall(rb"--[a-z-]+", done.stdout + done.stderr)) - {b"--help"}
    assert helped == {row[0].strip("`").encode() for row in _table("option")}


def test_every_kind_of_error_is_listed() -> None:
    assert {row[0].strip("`") for row in _table("kind")} == set(FaultKind)


def test_every_exit_status_is_listed() -> None:
    assert [int(row[0]) for row in _table("status")] == sorted(ExitCode)


def test_every_type_metric_and_command_is_named() -> None:
    named = set(re.findall(r"`(\w+)`", README)) | set(re.findall(r'"command": "(\w+)"', README))
    assert {*MODULE_TYPES, "custom", *METRIC_NAMES, *HANDLERS, "ping", "shutdown", "hello"} <= named


def test_host_in_erlang_is_the_one_that_the_tests_run() -> None:
    (snippet,) = re.findall(r"^```erlang\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert snippet == (REPOSITORY / "tests" / "erlang" / "worker_port.erl").read_text()


def _frames() -> Iterator[bytes]:
    """Yield the frames written as indented lines of bytes."""
    lines = re.findall(r"^ {4,}((?:[0-9a-f]{2} +)*[0-9a-f]{2})$", README, re.MULTILINE)
    stream = bytes.fromhex("".join(lines))
    while stream:
        end = 4 + int.from_bytes(stream[:4], "big")
        yield stream[:end]
        stream = stream[end:]


def _said() -> Iterator[tuple[str, Any]]:
    """Yield who speaks in the dialogues, and the message; a message may go on in indented lines."""
    for block in re.findall(r"^```dialogue\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        for speaker, text in re.findall(r"^([→←]) (.*(?:\n    .*)*)", block, re.MULTILINE):
            yield speaker, json.loads(text)


def _table(heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this heading."""
    (rows,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]
