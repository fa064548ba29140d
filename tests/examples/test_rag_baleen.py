"""The example runs as its page says, and a second run begins with what the first has made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import dspash

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def run_workflow(database: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rag_baleen"],
        capture_output=True, text=True, timeout=100, check=False, cwd=EXAMPLES,
        env={**os.environ, "DSPASH_DATABASE_URL": str(database)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_whole_workflow_and_then_again(tmp_path: Path) -> None:
    database = tmp_path / "rag.db"

    first, second = run_workflow(database), run_workflow(database)

    assert "Optimizing program..." in first
    assert "Optimizing program..." not in second
    for told in (first, second):
        lines = dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)
        assert lines["Total"] == "50"
        assert float(lines["Accuracy"].removesuffix("%")) > 50
        assert lines["Answer"] == "Dijon"
        assert lines["Success rate"] == "100.0%"
    with dspash.open(database=database) as app:
        program = app.programs.get("RagBaleen")
        assert (program.latest_version, program.live_version) == (2, 2)
        assert [run.status for run in app.runs.list().items] == ["completed"]
        assert app.evaluations.count() == 2


@contextmanager
def serving(server: ThreadingHTTPServer) -> Generator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/answer"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def post(url: str, body: Any) -> tuple[int, Any]:
    try:
        with urlopen(Request(url, data=json.dumps(body).encode(), method="POST"), timeout=30) as reply:
            return reply.status, json.load(reply)
    except HTTPError as error:
        return error.code, json.load(error)


def test_the_server_answers_with_the_live_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from rag_baleen.program import create, load
    from rag_baleen.serving import answer_server

    with dspash.open(database=tmp_path / "rag.db") as app:
        create(app)
        with serving(answer_server(load(app))) as url:
            status, answer = post(url, {"question": "In what year was the Eiffel Tower finished?"})
            assert (status, set(answer)) == (200, {"reasoning", "answer", "confidence"})
            assert post(url, {"questions": "?"})[0] == 400
            assert post(url, ["nonsense"])[0] == 400
            assert post(url.replace("answer", "question"), {})[0] == 404
