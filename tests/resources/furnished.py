"""Furnished: a database with at least one record of every resource, made by the resources' own actions."""

from __future__ import annotations

from typing import Any

from dspash.resources.budget import Budget
from dspash.resources.cache_entry import CacheEntry
from dspash.resources.dataset import Dataset
from dspash.resources.evaluation import Evaluation, EvaluationResult
from dspash.resources.journal_entry import JournalEntry
from dspash.resources.kernel import StoredScene
from dspash.resources.lm_request import LMRequest
from dspash.resources.metric import Metric
from dspash.resources.model_alias import ModelAlias
from dspash.resources.module import Module
from dspash.resources.optimization_run import OptimizationRun
from dspash.resources.optimizer import Optimizer
from dspash.resources.predictor import Predictor
from dspash.resources.program import Program
from dspash.resources.provider import Provider
from dspash.resources.signature import Signature
from dspash.resources.trace import Trace
from dspash.store import GroupWriter

__all__ = ["furnish"]

EXAMPLES: list[Any] = [{"question": "Who?", "answer": "Ada"}, {"question": "Where?", "answer": "Oslo"}]
LEAF: Any = {"name": "qa", "instructions": "Answer.", "demos": [{"question": "a", "answer": "b"}]}


def furnish(scene: StoredScene) -> None:
    """Make the records."""
    scene.of(Signature).create(name="QA", inputs=["question"], outputs=["answer"], docstring="Answer.")
    scene.of(Module).create(name="qa", type="predict", signature="question -> answer")
    program = scene.of(Program).create(
        name="Answers",
        forward_fn="result = {'answer': self.qa(question=question).answer}",
        modules={"qa": "qa"},
    )
    scene.of(Predictor).show(program_id=program.id, module_id=None, leaf=LEAF)
    scene.of(Optimizer).create(name="few", type="BootstrapFewShot")
    scene.of(OptimizationRun).create(program="Answers", trainset=EXAMPLES)
    evaluation = scene.of(Evaluation).create(program="Answers", devset=EXAMPLES)
    scene.of(EvaluationResult).note(
        evaluation_id=str(evaluation.id), index=0, score=0.5, prediction={"answer": "Ada"}, error=None
    )
    scene.of(Dataset).create(name="questions", examples=EXAMPLES, inputs=["question"])
    scene.of(Metric).create(name="same", type="exact_match", field="answer")
    scene.of(Budget).create(name="all", max_calls=1000)
    scene.of(Provider).create(name="openai", api_key="env:OPENAI_API_KEY")
    scene.of(ModelAlias).create(name="fast", model="openai/gpt-4o-mini")
    writer = GroupWriter(scene.store)
    rows = {
        LMRequest: {
            "kind": "completion",
            "provider": "offline",
            "model": "offline",
            "status": "answered",
            "latency_ms": 1.5,
        },
        CacheEntry: {"key": "k", "provider": "offline", "model": "offline", "value": {"a": 1}, "size": 7},
        JournalEntry: {
            "run": "r",
            "key": "k",
            "occurrence": 0,
            "provider": "offline",
            "model": "offline",
            "response": {"a": 1},
        },
    }
    for resource, values in rows.items():
        table = scene.domain.table(scene.domain.declaration(resource))
        writer.append(table, scene.of(resource).row(**values))
    writer.append(
        scene.domain.table(scene.domain.declaration(Trace)),
        scene.of(Trace).row(
            kind="program",
            name="Answers",
            program_id=program.id,
            status="succeeded",
            started_at=scene.now(),
            duration_s=0.25,
            inputs={"question": "Who?"},
            outputs={"answer": "Ada"},
        ),
    )
    writer.close()
