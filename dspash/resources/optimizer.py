"""Optimizer: one of DSPy's optimizers with a configuration, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from dspash.errors import InvalidInputError
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
from dspash.resources.optimizer_types import (
    OptimizerType,
    config_problems,
    find_optimizer_type,
    optimizer_types,
    type_problem,
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
        """Keep an optimizer, whose configuration is held against what that optimizer of DSPy's takes."""
        _check(type, config or {})
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
        _check(record.type if type is None else type, record.config if config is None else config)
        given = {"type": type, "config": config}
        return {key: value for key, value in given.items() if value is not None}

    @generic
    def types(scene: Scene) -> list[dict[str, JsonValue]]:
        """List the optimizers of DSPy's that there are, with what each does and needs."""
        return [found.summary() for found in optimizer_types().values()]

    @generic
    def describe(scene: Scene, *, type: str) -> dict[str, JsonValue]:
        """Tell all of one of DSPy's optimizers, or of what was kept under a name.

        Its parameters with their kinds, defaults and meanings; for what was kept, `config` is what it sets.
        """
        kept = optimizer_named(scene, type)
        found = _type_of(type if kept is None else kept.type)
        return found.to_map() if kept is None else {**found.to_map(), "config": kept.config}

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


def _type_of(name: str) -> OptimizerType:
    found = find_optimizer_type(name)
    if found is None:
        raise InvalidInputError.of([type_problem(name, path="$.type")])
    return found


def _check(name: str, config: Mapping[str, JsonValue]) -> None:
    problems = config_problems(_type_of(name), config, path="$.config")
    if problems:
        raise InvalidInputError.of(problems)
