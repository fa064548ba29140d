"""What an app keeps: programs, runs and evaluations outlive it, whatever becomes of it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import dspash
from tests.leaks import no_leaks, wait_until

SNIPPET = "result = {'answer': self.qa(question=question).answer}"
CALLING = "result = {'answer': look(question)}"
EXAMPLES: list[Any] = [{"question": "Who?", "answer": "Ada"}, {"question": "Where?", "answer": "London"}]
BOUND_S = 15.0


@pytest.fixture
def database(migrated: str) -> str:
    """Return where an app may keep what it does: a database of either kind."""
    return migrated


@pytest.fixture
def app(database: str, tmp_path: Path) -> Generator[dspash.App]:
    """Open an app with records of its own."""
    with no_leaks(tmp_path / "nothing"), dspash.open(database=database, timeout_s=20.0) as app:
        yield app


def _answers(app: dspash.App) -> dspash.Program:
    """Make a program that runs in the app's own workers, which takes less time than a sandbox."""
    qa = app.module("predict", "question -> answer")
    return app.program("Answers", forward_fn=SNIPPET, modules={"qa": qa}, sandbox="process")


def test_a_program_outlives_its_app(app: dspash.App, database: str) -> None:
    program = _answers(app)
    learned = app.optimize(program, EXAMPLES, optimizer="labeled_fewshot", k=2)
    assert app.programs.get("Answers").latest_version == 2
    asked = {"question": "Who?"}
    with dspash.open(database=database) as other:
        assert other.program("Answers")(**asked) == learned(**asked)
        other.programs.promote("Answers", version=1)
    promoted = app.program("Answers")
    assert promoted(**asked) == program(**asked)
    assert app.program("Answers", version=2)(**asked) == learned(**asked)
    assert app.programs.execute("Answers", inputs=asked) == program(**asked)
    assert app.program("Answers") is promoted


def test_defining_again_continues_what_is_kept(app: dspash.App, database: str) -> None:
    _answers(app)
    assert [each.number for each in app.versions.list().items] == [1]
    with dspash.open(database=database) as other:
        _answers(other)
        other.program("Answers", forward_fn="result = {'answer': 'none'}", sandbox="process")
        assert [each.number for each in other.versions.list().items] == [1, 2]


def test_an_optimisation_is_kept_with_all_that_came_of_it(app: dspash.App) -> None:
    heard: list[Any] = []
    learned = app.optimize(
        _answers(app),
        EXAMPLES,
        metric="f1_score",
        optimizer="bootstrap_fewshot",
        on_progress=heard.append,
        max_bootstrapped_demos=1,
    )
    (run,) = app.runs.list(include=["program"]).items
    assert (run.status, run.score, run.metric_name) == ("completed", learned.score, "f1_score")
    assert run.program.name == "Answers"
    assert (run.program_version, run.result_version) == (1, 2)
    assert run.config == {"max_bootstrapped_demos": 1}
    assert run.best_program_state == learned.state
    assert [trace["index"] for trace in run.traces] == [0, 1]
    assert run.usage["lm_calls"] == learned.usage.lm_calls if learned.usage else False
    assert heard
    assert run.progress
    assert app.programs.get("Answers").metrics == {"training_score": learned.score}
    assert app.predictors.list(filter={"name": "qa"}).items[0].demos == learned.state["qa"]["demos"]  # type: ignore[index]


def test_an_evaluation_is_kept_example_by_example(app: dspash.App) -> None:
    program = _answers(app)
    done = app.evaluate(program, EXAMPLES)
    app.evaluate(program, EXAMPLES, metric=lambda _example, _prediction: 1.0)
    first, second = app.evaluations.list(include=["results"]).items
    assert (first.status, first.score, first.total) == ("completed", done.score, 2)
    in_order = sorted(first.results, key=lambda result: result.index)
    assert [result.prediction for result in in_order] == [
        None if each.prediction is None else dict(each.prediction) for each in done.results
    ]
    assert second.metric == {"host": "<lambda>"}
    compared = app.evaluations.compare(first, other=str(second.id))
    assert compared["after"] == 1.0
    planned = app.evaluations.create(program="Answers", devset=EXAMPLES, metric={"host": "mine"})
    with pytest.raises(dspash.ConfigurationError, match="register_metric"):
        app.evaluations.run(planned)
    assert app.evaluations.list(filter={"status": "failed"}).items[0].error


def test_what_fails_is_kept_as_failed(app: dspash.App) -> None:
    with pytest.raises(dspash.ProgramError, match="division by zero"):
        app.optimize(_answers(app), EXAMPLES, metric=lambda _example, _prediction: 1 / 0)
    (run,) = app.runs.list().items
    assert run.status == "failed"
    assert "division by zero" in (run.error or "")
    assert app.programs.get("Answers").status == "draft"
    with pytest.raises(dspash.ConfigurationError, match="register_metric"):
        app.runs.resume(run)  # the metric was a function, and by its name nobody knows it
    assert app.runs.get(run.id).status == "failed"


def test_compiling_by_name_uses_a_kept_optimizer_and_dataset(app: dspash.App) -> None:
    _answers(app)
    app.optimizers.create(name="few", type="labeled_fewshot", config={"k": 1})
    run = app.programs.compile("Answers", optimizer="few", trainset=EXAMPLES)
    assert (run.status, run.result_version) == ("completed", 2)
    assert app.optimizers.get("few").metrics["runs"] == 1
    again = app.optimizers.compile("few", program="Answers", trainset=EXAMPLES)
    assert again.status == "completed"
    shown = app.programs.inspect("Answers")
    assert [each["name"] for each in shown] == ["qa"]
    assert app.programs.evaluate("Answers", devset=EXAMPLES).total == 2
    told = app.programs.diff("Answers", before=1, after=2)
    assert [each["name"] for each in told["predictors"]] == ["qa"]
    assert not told["source"]


def test_a_module_is_run_by_its_name(app: dspash.App, database: str) -> None:
    qa = app.module("predict", "question -> answer", id="qa")
    learned = app.optimize(qa, EXAMPLES, optimizer="labeled_fewshot", k=1)
    asked = {"question": "Who?"}
    with dspash.open(database=database) as other:
        assert other.modules.forward("qa", inputs=asked) == learned(**asked)
        assert other.modules.get_demos("qa") == {"self": learned.state["self"]["demos"]}  # type: ignore[index]
        state: Any = other.modules.set_demos("qa", demos=[]).state
        assert state["self"]["demos"] == []
        assert other.modules.forward("qa", inputs=asked) == qa(**asked)


def test_modules_without_a_name_are_kept_once_something_is_done_with_them(app: dspash.App) -> None:
    qa = app.module("predict", "question -> answer")
    assert app.modules.count() == 0
    app.evaluate(qa, EXAMPLES)
    (module,) = app.modules.list().items
    assert module.name == f"predict-{module.content_hash[:8]}"


def test_a_loaded_program_asks_for_the_functions_it_calls(app: dspash.App, database: str) -> None:
    def look(question: str) -> str:
        return f"seen {question}"

    app.program("Looks", forward_fn=CALLING, tools=[look], sandbox="process")
    assert app.program("Looks")(question="it").answer == "seen it"
    with dspash.open(database=database) as other:
        with pytest.raises(dspash.ConfigurationError, match=r"tools\['look'\]: Looks calls this function"):
            other.program("Looks")
        assert other.programs.inspect("Looks") == []
        assert other.program("Looks", tools=[look])(question="it").answer == "seen it"


def test_a_program_keeps_how_it_is_sandboxed(app: dspash.App, database: str) -> None:
    limits = dspash.Limits(memory_mb=512, wall_s=20.0)
    app.program("Boxed", forward_fn="result = {}", limits=limits)
    kept: Any = app.programs.get("Boxed").sandbox
    assert kept.keys() == {"limits"}
    assert kept["limits"]["memory_mb"] == 512
    with dspash.open(database=database) as other:
        choice = other.program("Boxed").sandbox
        assert choice is not None
        assert choice.limits == limits


def test_a_run_is_cancelled_by_its_record(app: dspash.App) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def look(question: str) -> str:
        begun.set()
        go_on.wait(BOUND_S)
        return question

    looks = app.program("Looks", forward_fn=CALLING, tools=[look], sandbox="process")
    ended: list[BaseException] = []

    def evaluate() -> None:
        try:
            app.evaluate(looks, EXAMPLES)
        except dspash.DspashError as error:
            ended.append(error)

    thread = threading.Thread(target=evaluate)
    thread.start()
    try:
        assert begun.wait(BOUND_S)
        (running,) = app.evaluations.list(filter={"status": "running"}).items
        app.evaluations.cancel(running.id)
    finally:
        go_on.set()
        thread.join(BOUND_S)
    assert isinstance(ended[0], dspash.CallCancelledError), ended
    assert app.evaluations.get(running.id).status == "cancelled"


def test_closing_interrupts_what_goes_on(database: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def look(question: str) -> str:
        begun.set()
        go_on.wait(BOUND_S)
        return question

    app = dspash.open(database=database)
    looks = app.program("Looks", forward_fn=CALLING, tools=[look], sandbox="process")
    outcome: list[BaseException] = []

    def evaluate() -> None:
        try:
            app.evaluate(looks, EXAMPLES)
        except dspash.DspashError as error:
            outcome.append(error)

    thread = threading.Thread(target=evaluate)
    thread.start()
    try:
        assert begun.wait(BOUND_S)
        go_on.set()
        app.close()
    finally:
        go_on.set()
        thread.join(BOUND_S)
    with dspash.open(database=database) as other:
        assert [each.status for each in other.evaluations.list().items] in (["interrupted"], ["completed"])


def look(question: str) -> str:
    """Answer at once."""
    return question


HOST = """
import sys, time
import dspash

def look(question: str) -> str:
    print("looking", flush=True)
    time.sleep(60)
    return question

with dspash.open(database=sys.argv[1]) as app:
    looks = app.program("Looks", forward_fn="result = {'answer': look(question)}", tools=[look])
    app.evaluate(looks, [{"question": "Who?", "answer": "Ada"}])
"""


def test_a_run_whose_host_was_killed_is_interrupted_and_can_go_on(database: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOST, str(database)], stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "looking\n"
        with dspash.open(database=database) as app:
            assert [each.status for each in app.evaluations.list().items] == ["running"]
        host.send_signal(signal.SIGKILL)
    with dspash.open(database=database) as app:
        (left,) = app.evaluations.list().items
        assert left.status == "interrupted"
        app.program("Looks", forward_fn=CALLING, tools=[look], sandbox="process")
        assert app.evaluations.run(left.id).status == "completed"
        entries = app.audit_entries.list(filter={"record_id": str(left.id)}).items
        assert [entry.action for entry in entries] == ["create", "begin", "interrupt", "begin", "complete"]


def test_an_app_without_a_database_keeps_nothing() -> None:
    with dspash.open(database=None) as app:
        program = _answers(app)
        assert app.evaluate(program, EXAMPLES).total == 2
        with pytest.raises(dspash.ConfigurationError, match="this app keeps nothing"):
            app.programs.count()
        with pytest.raises(dspash.ConfigurationError, match="exactly one"):
            app.program("Answers")


def test_a_database_that_cannot_be_used_stops_no_call(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with dspash.open(database=tmp_path / "folder") as app:
        assert _answers(app)(question="Who?").answer
        with pytest.raises(dspash.StoreError):
            app.programs.count()


def test_a_closed_app_has_no_records(database: str) -> None:
    with dspash.open(database=database) as app:
        _answers(app)
    with pytest.raises(dspash.ClosedError):
        app.programs.count()
    with dspash.open(database=database) as other:
        assert other.programs.count() == 1


def test_an_app_has_no_other_collections(app: dspash.App) -> None:
    with pytest.raises(AttributeError, match=r"an app has no 'progams'; its collections are .*programs"):
        _ = app.progams  # type: ignore[attr-defined]


def test_records_are_awaited_as_well(app: dspash.App) -> None:
    async def work() -> Any:
        qa = await app.amodule("predict", "question -> answer")
        program = await app.aprogram("Answers", forward_fn=SNIPPET, modules={"qa": qa})
        await app.aoptimize(program, EXAMPLES, optimizer="labeled_fewshot", k=1)
        await app.aevaluate(program, EXAMPLES)
        run = (await app.runs.alist()).items[0]
        loaded = await app.aprogram("Answers")
        return run.status, (await app.evaluations.acount()), (await loaded.acall(question="Who?")).answer

    assert asyncio.run(work())[:2] == ("completed", 1)


def test_nothing_is_opened_before_there_is_something_to_keep(tmp_path: Path) -> None:
    database = tmp_path / "dspash.db"
    with dspash.open(database=database) as app:
        assert app.module("predict", "question -> answer")(question="Who?").answer
        assert not database.exists()
        _answers(app)
        wait_until(database.exists, "the definition to be written")
