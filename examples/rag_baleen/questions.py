"""Step 3, examples: multi-hop questions with their answers, kept as a dataset of two sets.

They are those that come with dspash. `dspash datasets import` reads other files: JSON lines, CSV, HotPotQA's JSON.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

import dspash

__all__ = ["DATASET", "import_questions", "lines_of", "questions_of"]

DATASET: Final = "multi-hop"


def questions_of(split: str, count: int) -> list[dict[str, Any]]:
    """The first `count` questions of `train` or `dev`."""
    found = [line for line in lines_of("questions.jsonl") if line["split"] == split]
    return [{"question": line["question"], "answer": line["answer"]} for line in found[:count]]


def import_questions(app: dspash.App, split: str, count: int) -> str:
    """Keep them as a dataset, once; returns its name, by which runs and evaluations know it."""
    name = f"{DATASET}-{split}-{count}"
    try:
        return app.datasets.get(name).name
    except dspash.NotFoundError:
        examples = questions_of(split, count)
        return app.datasets.create(name=name, examples=examples, inputs=["question"]).name


def lines_of(name: str) -> list[dict[str, Any]]:
    """The lines of one of the files that come with dspash."""
    text = files("dspash.demo").joinpath(name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]
