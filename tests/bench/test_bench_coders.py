"""Code interpreters in hosts of their own, measured side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.arena import Arena
from benchmarks.cli import main
from benchmarks.coders.kinds import CODERS

pytestmark = pytest.mark.serial


@pytest.mark.parametrize("act", ["first", "scalar", "tool", "shutdown"])
def test_act_is_timed_as_often_as_it_was_asked_for(act: str) -> None:
    with Arena(["dspy-local"], role="coder") as arena:
        seconds = arena.enter("dspy-local").do(act, count=3)
    assert len(seconds) == 3
    assert all(second > 0 for second in seconds)


def test_variable_of_the_size_asked_for_arrives() -> None:
    with Arena(["dspy-local"], role="coder") as arena:
        assert len(arena.enter("dspy-local").do("variable", count=2, size=100_000)) == 2


def test_further_interpreter_takes_memory() -> None:
    with Arena(["dspy-local"], role="coder") as arena:
        assert arena.enter("dspy-local").do("memory", count=2) > 1 << 20


@pytest.mark.bench
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_quick_run_fills_every_cell_and_names_who_cannot_take_part(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    assert main(["interpreter", "--quick", "--json", str(report)]) in (0, 1)
    told = json.loads(report.read_text())
    absent = {name for name, title in told["interpreters"].items() if title.startswith("did not take part")}
    assert absent <= {"dspy-deno"}, "only Deno fetches what it runs from a network"
    measured = {
        (figure["measure"], figure["contestant"]) for figure in told["figures"] if figure["quantiles"]
    }
    measures = ("start", "first", "scalar", "tool", "variable", "shutdown", "memory")
    assert measured == {(measure, name) for measure in measures for name in CODERS if name not in absent}
    shown = capfd.readouterr().out
    assert all(name in shown for name in CODERS)
