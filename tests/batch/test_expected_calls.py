"""What a plan says of calls is the most that the same run makes."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import dspash
from dspash.batch.job_file import OptimizerEntry
from dspash.batch.planning import expected_calls

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "batch_intents"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Generator[dspash.App]:
    """Open one app, which keeps what its runs have used."""
    with dspash.open(database=tmp_path_factory.mktemp("calls") / "runs.db", lm="offline", workers=1) as app:
        yield app


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("optimizer", "config", "calls"),
    [
        ("labeled_few_shot", {"k": 5}, 5),
        ("bootstrap_few_shot", {"max_rounds": 2}, 20 + 5),
        ("bootstrap_few_shot_with_random_search", {"num_candidate_programs": 2}, 5 * 5 + 3 * 10 + 5),
        ("copro", {"breadth": 3, "depth": 2}, 6 * 10 + 5 + 5),
    ],
)
def test_a_run_makes_no_more_calls_than_its_plan_says(
    app: dspash.App, optimizer: str, config: dict[str, Any], calls: int
) -> None:
    train, val = _rows("train.jsonl"), _rows("dev.jsonl")
    entry = OptimizerEntry.model_validate({"type": optimizer, "config": config})
    assert expected_calls(entry, len(train), len(val)) == calls

    program = app.program("wishes", source=(FOLDER / "program.py").read_text())
    metric = {"name": "exact_match", "field": "intent"}
    app.optimize(program, train, metric, optimizer, valset=val, run=optimizer, **config)
    made: Any = app.runs.get(optimizer).usage["lm_calls"]
    assert calls / 3 < made <= calls


def test_nothing_is_said_where_the_course_depends_on_what_is_met() -> None:
    assert expected_calls(OptimizerEntry(type="gepa"), 10, 5) is None
