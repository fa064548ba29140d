"""Traces of an app: every run is kept with its steps, whoever ran it and however it ended, and costs its caller nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import dspash
from tests.leaks import no_leaks

SOURCE = """
class Answerer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.think = dspy.ChainOfThought("question -> answer")

    def forward(self, question):
        if question == "fail":
            raise KeyError("no such thing")
        if question == "hang":
            while True:
                pass
        return self.think(question=question)
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, module_database: str) -> Generator[dspash.App]:
    folder: Path = tmp_path_factory.mktemp("traces")
    with no_leaks(folder), dspash.open(workers=1, timeout_s=20.0, database=module_database) as app:
        app.program("Answerer", source=SOURCE, sandbox="process")
        yield app


@pytest.fixture
def answerer(app: dspash.App) -> Any:
    return app.program("Answerer")


def last(app: dspash.App) -> Any:
    return app.traces.list(sort="-created_at", limit=1).items[0]


def steps_of(trace: Any) -> list[tuple[str, str, str]]:
    return [(step.kind, step.name, step.type) for step in trace.root().walk()]


TREE = [
    ("program", "Answerer", "source"),
    ("module", "think", "ChainOfThought"),
    ("module", "think.predict", "Predict"),
    ("lm", "offline", ""),
]


def test_a_run_is_kept_with_its_steps(app: dspash.App, answerer: Any) -> None:
    said = answerer(question="Who built the tower?")
    trace = last(app)
    assert steps_of(trace) == TREE
    assert (trace.inputs, trace.outputs) == ({"question": "Who built the tower?"}, said.to_dict())
    assert trace.reasoning == said.reasoning
    assert (trace.status, trace.lm_calls, trace.dropped) == ("succeeded", 1, 0)
    assert trace.lm_tokens == said.usage.lm_tokens > 0
    record = app.programs.get("Answerer")
    assert (trace.program_id, trace.program_version) == (record.id, 1)
    lm = list(trace.root().walk())[-1]
    assert "tower" in str(lm.facts["prompt"])
    assert said.answer in lm.facts["response"][0]
    assert trace.duration_s >= trace.root().steps[0].duration_s >= lm.duration_s > 0


def test_a_run_of_the_record_is_the_same(app: dspash.App) -> None:
    app.programs.execute("Answerer", inputs={"question": "Who?"})
    trace = last(app)
    assert steps_of(trace) == TREE
    assert trace.program_id == app.programs.get("Answerer").id


def test_awaited_and_streamed_runs_are_kept(app: dspash.App, answerer: Any) -> None:
    async def ask() -> None:
        await answerer.acall(question="awaited")

    asyncio.run(ask())
    assert last(app).inputs == {"question": "awaited"}
    for _ in answerer.stream(question="streamed"):
        pass
    assert last(app).inputs == {"question": "streamed"}
    assert steps_of(last(app)) == TREE


def test_a_module_without_a_name_is_kept_under_its_id(app: dspash.App) -> None:
    module = app.module("predict", "question -> answer")
    module(question="Who?")
    trace = last(app)
    assert (trace.kind, trace.name, trace.type, trace.module_id) == ("module", module.id, "predict", None)
    assert steps_of(trace)[1:] == [("lm", "offline", "")]


def test_a_run_that_fails_says_why(app: dspash.App, answerer: Any) -> None:
    with pytest.raises(dspash.ProgramError):
        answerer(question="fail")
    trace = last(app)
    assert (trace.status, trace.outputs) == ("failed", None)
    assert trace.error == {"kind": "program_error", "type": "KeyError", "message": "'no such thing'"}


def test_a_run_that_is_given_up_is_kept(app: dspash.App, answerer: Any) -> None:
    with pytest.raises(dspash.CallTimeoutError):
        app.run(answerer, {"question": "hang"}, timeout_s=0.5)
    trace = last(app)
    assert (trace.status, trace.error["kind"]) == ("failed", "timeout")


def test_the_lowest_door_is_traced_as_well(app: dspash.App) -> None:
    module = app.module("predict", "question -> answer")
    app.call("forward", {"module_id": module.id, "inputs": {"question": "low"}})
    trace = last(app)
    assert (trace.name, trace.inputs) == (module.id, {"question": "low"})
    assert set(trace.outputs) == {"answer"}


def test_metrics_count_what_ran(migrated: str) -> None:
    with dspash.open(workers=1, database=migrated) as app:
        program = app.program("Answerer", source=SOURCE, sandbox="process")
        for _ in range(3):
            program(question="Who?")
        with pytest.raises(dspash.ProgramError):
            program(question="fail")
        record = app.programs.get("Answerer")
        for of in (program, "Answerer", record, record.id, None):
            found = app.metrics(of)
            assert (found.total_executions, found.failed, found.success_rate) == (4, 1, 0.75)
            assert found.p50_s is not None
            assert found.p99_s is not None
            assert 0 < found.p50_s <= found.p99_s
        assert app.metrics("Other").total_executions == 0
        with pytest.raises(dspash.ConfigurationError):
            app.metrics(5)  # pyright: ignore[reportArgumentType]


def test_nothing_is_traced_unless_it_is_kept(tmp_path: Path) -> None:
    with dspash.open(workers=1, database=None) as app:
        assert app.module("predict", "q -> a")(q="?").a
        with pytest.raises(dspash.ConfigurationError):
            app.metrics()
    with dspash.open(workers=1, database=tmp_path / "records.db", traces=False) as app:
        app.module("predict", "q -> a")(q="?")
        assert app.traces.count() == 0


def test_what_was_executed_is_there_after_the_app(migrated: str) -> None:
    for count in (1, 2):
        with dspash.open(workers=1, database=migrated) as app:
            app.module("predict", "q -> a")(q="?")
        with dspash.open(workers=1, database=migrated) as app:
            assert app.traces.count() == count


def test_keys_are_kept_from_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "not-to-be-told-0815")
    with dspash.open(workers=1, database=tmp_path / "records.db") as app:
        app.module("predict", "q -> a")(q="is not-to-be-told-0815 a key? and sk-abcdefghijklmnopqrstuvwxyz?")
        trace = last(app)
    assert trace.inputs == {"q": "is [redacted] a key? and [redacted]?"}
    assert "[redacted]" in trace.steps
    told = str(dict(trace))
    assert "not-to-be-told-0815" not in told
    assert "sk-abcdefghijklmnopqrstuvwxyz" not in told
