"""Runs on the command line: a report and charts as files, and a watch that ends with its run."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from dspash.cli.runs import follow
from dspash.cli.session import Session
from dspash.reports.charts import charts_are_drawn
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.optimization_run import OptimizationRun
from dspash.store import Store
from tests.cli.conftest import Run
from tests.reports.runs import keep_run, scored


@pytest.fixture
def run(project: Path) -> Generator[OptimizationRun, None, None]:
    with Store.open(str(project / "records.db")) as store:
        context = Context(actor="ann", tenant="default", request_id="request-1")
        scene = StoredScene(context, domain=DOMAIN, store=store)
        yield keep_run(scene, name="nightly", trials=[scored(0, 0.25), scored(1, 0.75)])


@pytest.mark.usefixtures("run")
def test_a_report_is_written(dspash: Run, project: Path) -> None:
    done = dspash("runs", "report", "nightly", "--output", "night.html", "--json")
    assert done.value == {"path": "night.html", "candidates": 2}, done
    assert "<title>nightly</title>" in (project / "night.html").read_text()
    assert not list(project.glob(".night*"))


@pytest.mark.usefixtures("run")
def test_what_cannot_be_written_is_said_in_one_line(dspash: Run) -> None:
    done = dspash("runs", "report", "nightly", "--output", "nowhere/night.html")
    assert done.status != 0
    assert "nowhere/night.html: it cannot be written" in done.err
    assert ".svg, .png" in dspash("runs", "plot", "nightly", "night.gif").err


@pytest.mark.usefixtures("run")
@pytest.mark.skipif(not charts_are_drawn(), reason="matplotlib is missing (pip extra dspash[plots])")
@pytest.mark.filterwarnings("default")  # matplotlib's own, of other versions of what it uses
def test_a_chart_is_written(dspash: Run, project: Path) -> None:
    assert dspash("runs", "plot", "nightly", "night.png", "--chart", "latency").status == 0
    assert (project / "night.png").read_bytes().startswith(b"\x89PNG")
    assert "nothing yet" in dspash("runs", "plot", "nightly", "night.svg", "--chart", "effort").err


@pytest.mark.usefixtures("run")
def test_a_watch_tells_how_a_run_ended(dspash: Run) -> None:
    assert dspash("runs", "watch", "nightly").out == "completed  2 candidates  best 75.0%  score 75.0%\n"
    assert json.loads(dspash("runs", "watch", "nightly", "--json").out)["status"] == "completed"


def test_a_watch_tells_each_change_once_and_ends_with_the_run(run: OptimizationRun, project: Path) -> None:
    with Store.open(str(project / "records.db")) as store:
        context = Context(actor="ann", tenant="default", request_id="request-2")
        session = Session(StoredScene(context, domain=DOMAIN, store=store))
        runs = session.scene.of(OptimizationRun)
        made = runs.create(program="Answers", trainset=[{"question": "Who?", "answer": "Ada"}], name="next")
        steps = iter([None, lambda: runs.begin(made.id, owner={}), None, lambda: runs.cancel(made.id)])

        def wait() -> bool:
            step = next(steps)
            if step is not None:
                step()
            return True

        told = [each["status"] for each in follow(session, "next", wait=wait)]
    assert told == ["pending", "running", "cancelled"]
