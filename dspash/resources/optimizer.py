"""Optimizer: one of DSPy's optimizers with a configuration, by name."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.resources import optimization_run
from dspash.resources.examples import ExampleSource
from dspash.resources.kernel import (
    Attribute,
    HasMany,
    Resource,
    Scene,
    Values,
    create,
    generic,
    internal,
    update,
)

__all__ = ["Optimizer", "optimizer_named"]


class Optimizer(Resource, table="optimizers"):
    """One of DSPy's optimizers with a configuration, to be used again and again."""

    name: Annotated[str, Attribute("How people refer to it.", unique=True, max_length=200)]
    type: Annotated[
        str, Attribute("Which of DSPy's: bootstrap_fewshot, mipro_v2, copro …", indexed=True, max_length=100)
    ]
    config: Annotated[
        dict[str, JsonValue], Attribute("What it is given, such as max_bootstrapped_demos.")
    ] = Field(default_factory=dict[str, JsonValue])
    state: Annotated[dict[str, JsonValue], Attribute("What it did last: the run's id.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    metrics: Annotated[
        dict[str, JsonValue], Attribute("How it has done: completed runs, the best score and the last one.")
    ] = Field(default_factory=dict[str, JsonValue])

    optimization_runs = HasMany("OptimizationRun", by="optimizer_id")

    @create
    def create(scene: Scene, *, name: str, type: str, config: dict[str, JsonValue] | None = None) -> Values:
        """Keep an optimizer. Whether a program takes to its configuration is seen when it is run."""
        return {"name": name, "type": type, "config": config or {}}

    @update
    def update(
        scene: Scene,
        record: Optimizer,
        *,
        type: str | None = None,
        config: dict[str, JsonValue] | None = None,
    ) -> Values:
        """Change what is given; runs that were made with it keep what they were given."""
        given = {"type": type, "config": config}
        return {key: value for key, value in given.items() if value is not None}

    @internal
    @update
    def note_run(scene: Scene, record: Optimizer, *, run_id: UUID, score: float | None) -> Values:
        """Count a run that is completed."""
        runs, best = record.metrics.get("runs", 0), record.metrics.get("best_score")
        scores = [each for each in (best, score) if isinstance(each, int | float)]
        return {
            "state": {"run_id": str(run_id)},
            "metrics": {
                "runs": (runs if isinstance(runs, int) else 0) + 1,
                "best_score": max(scores, default=None),
                "last_score": score,
            },
        }

    @generic
    def compile(
        scene: Scene,
        record: Optimizer,
        *,
        program: str,
        trainset: ExampleSource,
        metric: JsonValue = "exact_match",
        valset: ExampleSource | None = None,
        kwargs: dict[str, JsonValue] | None = None,
        seed: int = 0,
    ) -> optimization_run.OptimizationRun:
        """Improve a program, and keep what that makes as a new version of it. Returns the run, completed.

        `kwargs` add to the optimizer's own configuration, for this run.
        """
        runs = scene.of(optimization_run.OptimizationRun)
        run = runs.create(
            program=program,
            optimizer=record.name,
            trainset=trainset,
            valset=valset,
            metric=metric,
            config=kwargs,
            seed=seed,
        )
        return runs.start(run.id)


def optimizer_named(scene: Scene, name: str) -> Optimizer | None:
    """The optimizer that was kept under this name; None when there is none, and DSPy's own may be meant."""
    return next(iter(scene.of(Optimizer).list(filter={"name": name}, limit=1).items), None)
