"""DSPy's optimizers on real questions, in workers and in sandboxes: they end, lose nothing, and what they say is kept."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import dspash
from tests.leaks import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(60)]

COUNT = 12
SOURCE = """
class Reader(dspy.Module):
    def __init__(self):
        super().__init__()
        self.read = dspy.ChainOfThought("question, passages: list[str] -> answer")

    def forward(self, question, passages):
        return self.read(question=question, passages=passages)
"""
TIERS: dict[str, Any] = {"strict": [pytest.mark.bwrap], "process": []}
CONFIGS: dict[str, dict[str, Any]] = {
    "bootstrap_few_shot_with_random_search": {
        "num_candidate_programs": 1,
        "max_bootstrapped_demos": 1,
        "max_labeled_demos": 2,
    },
    "copro": {"breadth": 3, "depth": 1},
    "mipro_v2": {
        "num_candidates": 3,
        "num_trials": 3,
        "max_bootstrapped_demos": 0,
        "max_labeled_demos": 0,
        "minibatch": False,
    },
    "simba": {"bsize": 6, "num_candidates": 2, "max_steps": 1, "max_demos": 2},
    "gepa": {"max_metric_calls": 40},
}


@pytest.fixture(scope="module")
def examples(shared_data: Path) -> list[dict[str, Any]]:
    items = json.loads((shared_data / "hotpotqa/train.json").read_text(encoding="utf-8"))[:COUNT]
    return [
        {
            "question": item["question"],
            "answer": item["answer"],
            "passages": [f"{title} | {''.join(sentences)}" for title, sentences in item["context"]],
        }
        for item in items
    ]


@dataclass(frozen=True)
class Apps:
    """One in which the optimizers run, and one whose database knows nothing of that."""

    here: dspash.App
    elsewhere: dspash.App


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Generator[Apps]:
    folder = tmp_path_factory.mktemp("apps")
    with (
        dspash.open(workers=1, database=folder / "here.db", timeout_s=50.0) as here,
        dspash.open(workers=1, database=folder / "elsewhere.db", timeout_s=50.0) as elsewhere,
    ):
        yield Apps(here, elsewhere)


@pytest.mark.parametrize(
    ("optimizer", "tier"),
    [pytest.param(optimizer, tier, marks=marks) for optimizer in CONFIGS for tier, marks in TIERS.items()],
)
def test_what_an_optimizer_reports_is_what_its_stored_program_scores_elsewhere(
    apps: Apps, examples: list[dict[str, Any]], optimizer: str, tier: str, tmp_path: Path
) -> None:
    if optimizer in ("mipro_v2", "simba"):
        pytest.importorskip("optuna", reason="optuna and numpy are missing (pip extra dspash[optimizers])")
    app, elsewhere, name = apps.here, apps.elsewhere, f"Reader-{optimizer}-{tier}"
    heard: list[Mapping[str, Any]] = []
    program = app.program(name, source=SOURCE, sandbox=tier)
    before = app.evaluate(program, examples).score
    config = CONFIGS[optimizer]
    learned = app.optimize(
        program, examples, "exact_match", optimizer, valset=examples, on_progress=heard.append, **config
    )

    (run,) = app.runs.list(filter={"program_id": app.programs.get(name).id}).items
    assert run.status == "completed"
    assert run.score == learned.score
    assert run.score is not None
    assert run.score >= before
    candidates = [told for told in heard if told.get("kind") == "candidate"]
    assert [told["index"] for told in candidates] == list(range(len(candidates)))
    assert len(candidates) > 2
    assert len(run.trials) >= 2
    if optimizer == "gepa":
        assert any(told["parents"] for told in candidates if "final" not in told), (
            "none was bred from another"
        )
    assert learned.usage is not None
    asked = learned.usage.lm_calls
    wait_until(lambda: app.lm_requests.count(filter={"run": str(run.id)}) == asked, "every LM call is kept")

    app.programs.export(name, folder=str(tmp_path / "kept"), version=run.result_version)
    elsewhere.programs.import_(folder=str(tmp_path / "kept"))
    assert elsewhere.evaluate(elsewhere.program(name, sandbox=tier), examples).score == run.score
