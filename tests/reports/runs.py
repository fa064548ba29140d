"""Runs as the records have them: of a program whose texts, like everything told of it, are as hostile as they can be."""

from __future__ import annotations

from typing import Any

from dspash.resources.kernel import StoredScene
from dspash.resources.lm_request import LMRequest
from dspash.resources.module import Module
from dspash.resources.optimization_run import OptimizationRun
from dspash.resources.program import Program
from dspash.store import GroupWriter

__all__ = ["HOSTILE", "keep_run", "scored"]

HOSTILE = (
    "</pre><script src='http://evil.example/x.js'>alert(1)</script>{{ 7 * 7 }}<img src=x onerror=alert(1)>"
)
STATE: Any = {
    "qa": {
        "demos": [{"question": HOSTILE, "answer": "b"}],
        "signature": {"instructions": f"Answer well. {HOSTILE}", "fields": []},
        "lm": None,
        "traces": [],
        "train": [],
    }
}


def scored(index: int, score: Any, **more: Any) -> dict[str, Any]:
    """A candidate as a run tells it."""
    return {"kind": "candidate", "index": index, "score": score, **more}


def keep_run(
    scene: StoredScene, *, name: str, trials: list[Any], traces: list[Any] | None = None
) -> OptimizationRun:
    """A run that is completed, with three calls of a model, one of them from the cache."""
    scene.of(Module).create(name="qa", type="predict", signature="question -> answer")
    program = scene.of(Program).create(
        name="Answers",
        forward_fn="result = {'answer': self.qa(question=question).answer}",
        modules={"qa": "qa"},
    )
    runs = scene.of(OptimizationRun)
    made = runs.create(program=program.name, trainset=[{"question": "Who?", "answer": "Ada"}], name=name)
    runs.begin(made.id, owner={})
    done = runs.complete(
        made.id, state=STATE, score=0.75, trials=trials, traces=traces or [], usage={"lm_calls": 3}
    )
    writer = GroupWriter(scene.store)
    table = scene.domain.table(scene.domain.declaration(LMRequest))
    for latency, tries in ((10.0, 1), (30.0, 2), (0.1, 0)):
        values: dict[str, Any] = {
            "kind": "completion",
            "provider": "offline",
            "model": HOSTILE,
            "status": "answered",
            "source": "provider" if tries else "cache",
            "latency_ms": latency,
            "tries": tries,
            "tokens_used": 7,
            "run": str(made.id),
        }
        writer.append(table, scene.of(LMRequest).row(**values))
    writer.close()
    return done
