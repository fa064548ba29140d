"""Batches on the command line: a plan is shown, and everything that is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "batch_intents" / "batch.toml"


@pytest.mark.timeout(60)
def test_a_plan_shows_every_job_and_what_all_may_come_to(dspash: Run) -> None:
    planned = dspash("batch", "plan", str(EXAMPLE), "--json")
    assert planned.status == 0, planned.err
    found = planned.value

    assert [(one["optimizer"], one["seed"], one["calls"]) for one in found["cells"]] == [
        ("labelled", 0, 5),
        ("search", 0, 60),
        ("search", 1, 60),
    ]
    assert found["total"]["calls"] == 125
    assert found["total"]["tokens"] > 125 * 20
    assert found["unknown"] == {"calls": 0, "tokens": 0, "usd": 0}
    assert dspash("runs", "list", "--json").value["items"] == []


def test_every_problem_is_shown_on_a_line_of_its_own(dspash: Run, project: Path) -> None:
    (project / "batch.toml").write_text('name = "a b"\nseeds = []\ncolour = 1\n')
    refused = dspash("batch", "plan", "batch.toml")

    assert refused.status == 2
    lines = refused.out.splitlines()
    assert len(lines) == 8
    assert "batch.toml: $.colour: there is no such key" in lines
    as_json = dspash("batch", "plan", "batch.toml", "--json")
    assert (as_json.status, len(as_json.value["problems"])) == (2, 8)


@pytest.mark.timeout(60)
def test_a_model_that_there_is_not_is_told_at_its_place(dspash: Run, project: Path) -> None:
    for name in ("program.py", "train.jsonl", "dev.jsonl"):
        (project / name).write_bytes((EXAMPLE.parent / name).read_bytes())
    text = EXAMPLE.read_text().replace('["offline"]', '["offline", "nobody/m-1"]')
    (project / "batch.toml").write_text(text)
    refused = dspash("batch", "plan", "batch.toml")

    assert refused.status == 2
    assert "$.models[1]: " in refused.out
