"""A host that is killed in the middle of a run: repeated, the run is told what it was told then, and asks only on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

import dspash
from dspash.store import Store
from provider_server import Asked, Manners, ProviderServer, Said
from tests.leaks import wait_until

KEY = "sk-test-0123456789abcdefghij"
ANSWERED = 5
EXAMPLES = [{"question": f"Who is number {number}?", "answer": "Ada"} for number in range(12)]

HOST = f"""
import sys
import dspash
with dspash.open(lm="openai/gpt-4o-mini", database=sys.argv[1], workers=1, cache=False) as app:
    app.module("predict", "question -> answer", id="answers")
    run = app.runs.create(module="answers", optimizer="bootstrap_fewshot", trainset={EXAMPLES!r})
    print(run.id, flush=True)
    app.runs.start(run)
"""


def answer(asked: Asked) -> Said:
    return Said.of(asked, "[[ ## answer ## ]]\nAda\n\n[[ ## completed ## ]]")


def journaled(store: Store) -> int:
    with store.read() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM journal_entries").scalar_one()


def answered(server: ProviderServer) -> Counter[str]:
    """Every request that was answered, and how often."""
    return Counter(json.dumps(seen.asked.body["messages"]) for seen in server.seen if seen.said is not None)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_was_answered_before_a_host_was_killed_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, is_resumed = tmp_path / "run.db", threading.Event()

    def manners(number: int, _asked: Asked) -> Manners:
        return Manners(delay_s=0.0 if is_resumed.is_set() or number < ANSWERED else 60.0)

    with ProviderServer.running(key=KEY, reply=answer, etiquette=manners) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        host = subprocess.Popen(
            [sys.executable, "-c", HOST, str(database)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert host.stdout is not None
            run_id = host.stdout.readline().strip()
            with Store.open(database) as store:
                wait_until(
                    lambda: host.poll() is not None or journaled(store) == ANSWERED, "answers", bound_s=60.0
                )
            assert host.poll() is None
        finally:
            host.send_signal(signal.SIGKILL)
            host.wait(10)
            if host.stdout is not None:
                host.stdout.close()
        before = answered(server)
        is_resumed.set()
        with dspash.open(lm="openai/gpt-4o-mini", database=database, workers=1, cache=False) as app:
            run = app.runs.get(run_id)
            assert run.status == "interrupted"
            assert app.runs.resume(run).status == "completed"
            (used,) = app.lm.usage(by="run", run=run_id)
        asked = answered(server)
    assert before.total() == ANSWERED
    assert used.replayed == ANSWERED
    assert asked.keys() > before.keys()
    assert set(asked.values()) == {1}
