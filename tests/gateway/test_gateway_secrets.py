"""Keys of providers reach nothing but the providers: no worker, log, trace, export, error or database has one."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, Final

import pytest
from loguru import logger

import dspash
from dspash.resources.transfer import export_records
from provider_server import Asked, Manners, Mischief, ProviderServer, Said

KEY: Final = "sk-" + "".join(chr(97 + number % 26) for number in range(7, 60, 3)) + "0123"
SOURCE: Final = """
class Looking(dspy.Module):
    def __init__(self):
        super().__init__()
        self.qa = dspy.Predict("question -> answer")

    def forward(self, question):
        try:
            self.qa(question=question)
        finally:
            said = dict(__import__("os").environ)
        return dspy.Prediction(environment=said)
"""


def _failing_at_first(number: int, _asked: Asked) -> Manners:
    return Manners(Mischief.BROKEN) if number == 0 else Manners()


def _memory_of(pid: int) -> bytes:
    """Everything that a process can read of itself. Root may look; this process's parent may look at its children."""
    found: list[bytes] = []
    maps = Path(f"/proc/{pid}/maps").read_text()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps.splitlines():
            place = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if place is None or "[v" in line:
                continue
            first, end = (int(number, 16) for number in place.groups())
            try:
                memory.seek(first)
                found.append(memory.read(end - first))
            except OSError:
                continue  # gone meanwhile, or a device's
    return b"".join(found)


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_key_is_found_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    handler = logger.add(said, level=0)
    logger.enable("dspash")
    errors: list[str] = []
    database = tmp_path / "kept.db"
    try:
        with ProviderServer.running(key=KEY, reply=_answer, etiquette=_failing_at_first) as server:
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            with dspash.open(lm="openai/gpt-4o-mini", workers=2, database=database) as app:
                program = app.program("Looking", source=SOURCE)
                trusted = app.module("predict", "question -> answer")
                seen: list[Any] = [program(question="Where is it?").environment]
                assert trusted(question="Where is it really?").answer == "nowhere"
                monkeypatch.setattr(server, "key", "another")
                for runnable in (program, trusted):
                    with pytest.raises(dspash.DspashError) as caught:
                        runnable(question="Who may ask?")
                    errors += [str(caught.value), repr(caught.value)]
                app.providers.create(name="kept", type="openai", api_key=KEY)
                workers = [worker.pid for worker in app.status().workers]
                assert workers
                dumped = {pid: _memory_of(pid) for pid in workers}
                environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in workers]
                exported = io.StringIO()
                export_records(app._records.scene(), exported)
                traces = [str(trace) for trace in app.traces.iterate()]
                history = [str(request) for request in app.lm.inspect_history(10)]
                shown = [repr(app), repr(app.gateway), str(app.providers.list().items)]
            assert len(server.answered) == 2
    finally:
        logger.disable("dspash")
        logger.remove(handler)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    secret = KEY.encode()
    assert [pid for pid, memory in dumped.items() if secret in memory] == []
    assert all(secret not in environment for environment in environments)
    assert secret not in kept
    texts = [said.getvalue(), exported.getvalue(), *errors, *traces, *history, *shown, str(seen)]
    assert [text[:200] for text in texts if KEY in text] == []
    assert "Incorrect API key" in "".join(errors)
    assert any(b"question" in memory for memory in dumped.values())  # what is looked through is really there


def _answer(asked: Asked) -> Said:
    return Said.of(asked, "[[ ## answer ## ]]\nnowhere\n\n[[ ## completed ## ]]")
