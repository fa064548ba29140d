"""OptimizationRun: one attempt to improve a program or module: what it was given, how it went, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from loguru import logger
from pydantic import Field, JsonValue

from dspash.errors import DspashError
from dspash.resources.conducted import Conducted
from dspash.resources.conductor import conduct
from dspash.resources.content import ContentError, json_of, wire_of
from dspash.resources.examples import ExampleSource, examples_from
from dspash.resources.fingerprint import carried_by, fingerprint_of, models_in
from dspash.resources.kernel import (
    Attribute,
    BelongsTo,
    Scene,
    Values,
    create,
    generic,
    internal,
    update,
)
from dspash.resources.metric import resolve_metric
from dspash.resources.metric_name import metric_name
from dspash.resources.module import Module
from dspash.resources.observed import observed
from dspash.resources.refusal import refusing
from dspash.resources.runtime import Improvement, OnProgress, Task, runtime_of
from dspash.resources.subject import Subject, definition_of_subject, find_subject
from dspash.resources.versioning import number_of

__all__ = ["OptimizationRun", "improvement_of", "outcome_of", "subject_of"]

_EXAMPLES_MOST = 64_000_000  # characters of JSON


class OptimizationRun(Conducted, table="optimization_runs"):
    """One attempt to improve a program or module.

    While it goes on it tells its progress; one whose process has died is interrupted as soon as somebody opens the
    database again, and can be resumed.
    """

    name: Annotated[
        str | None,
        Attribute(
            "What it is called, so that asking for it again continues it.", unique=True, max_length=200
        ),
    ] = None
    fingerprint: Annotated[
        dict[str, JsonValue],
        Attribute("What its result depends on, by name; nothing else may carry it on."),
    ] = Field(default_factory=dict[str, JsonValue])
    optimizer_id: Annotated[
        UUID | None,
        Attribute(
            "The optimizer it was started with, by name.", references="Optimizer", on_delete="set null"
        ),
    ] = None
    optimizer: Annotated[str, Attribute("Which of DSPy's optimizers.", indexed=True, max_length=100)]
    config: Annotated[dict[str, JsonValue], Attribute("What the optimizer was given.")] = Field(
        default_factory=dict[str, JsonValue]
    )
    seed: Annotated[int, Attribute("What its choices begin with.")] = 0
    trainset: Annotated[
        list[dict[str, JsonValue]],
        Attribute("The examples it learns from.", max_length=_EXAMPLES_MOST),
    ] = Field(default_factory=list[dict[str, JsonValue]])
    valset: Annotated[
        list[dict[str, JsonValue]] | None,
        Attribute("The examples it is judged by, where those are others.", max_length=_EXAMPLES_MOST),
    ] = None
    score: Annotated[float | None, Attribute("What it reached, from 0 to 1.", indexed=True)] = None
    best_program_state: Annotated[
        dict[str, JsonValue] | None,
        Attribute("What was learned: DSPy's own state of its predictors.", max_length=_EXAMPLES_MOST),
    ] = None
    result_version: Annotated[int | None, Attribute("The version of the program that came of it.")] = None
    trials: Annotated[
        list[dict[str, JsonValue]], Attribute("What it tried, with scores; at the end the best first.")
    ] = Field(default_factory=list[dict[str, JsonValue]])
    traces: Annotated[
        list[dict[str, JsonValue]],
        Attribute("How the result did on each example.", max_length=_EXAMPLES_MOST),
    ] = Field(default_factory=list[dict[str, JsonValue]])

    optimizer_record = BelongsTo("Optimizer", by="optimizer_id")

    @create
    def create(
        scene: Scene,
        *,
        program: str | None = None,
        version: int | None = None,
        module: str | None = None,
        optimizer: str = "bootstrap_fewshot",
        trainset: ExampleSource,
        valset: ExampleSource | None = None,
        metric: JsonValue = "exact_match",
        config: dict[str, JsonValue] | None = None,
        seed: int = 0,
        name: Annotated[str, Field(min_length=1, max_length=200)] | None = None,
    ) -> Values:
        """Plan a run, for `start` to carry out: of a program's newest version, or `version`, or of a module.

        `optimizer` is one of DSPy's, or the name of an Optimizer, whose configuration `config` adds to; examples are maps of
        inputs and expected outputs, or the name of a dataset (`hotpotqa/train`).
        """
        from dspash.resources.optimizer import optimizer_named

        known = optimizer_named(scene, optimizer)
        given = {**(known.config if known is not None else {}), **(config or {})}
        with refusing("$.config"):
            wire_of(given)  # it can be sent when it is needed
        examples = examples_from(scene, trainset, "$.trainset")
        values: dict[str, Any] = {
            **find_subject(scene, program, version, module, newest=True).to_values(),
            "name": name,
            "optimizer_id": None if known is None else known.id,
            "optimizer": optimizer if known is None else known.type,
            "config": given,
            "seed": seed,
            "trainset": examples.rows,
            "valset": None if valset is None else examples_from(scene, valset, "$.valset").rows,
            **examples.source_values(),
            "metric": resolve_metric(scene, metric),
            "metric_name": metric_name(metric),
        }
        return {**values, "fingerprint": fingerprint_of(scene, values)}

    # --- carrying it out ---

    @generic
    def start(scene: Scene, record: OptimizationRun) -> OptimizationRun:
        """Carry out a run that is pending, failed or was interrupted, and wait for its end. Raises what made it fail.

        Raises ConflictError where what it depends on has changed since it began.
        """
        from dspash.resources.named_run import confirm

        runtime = runtime_of(scene)
        parts = fingerprint_of(scene, record.model_dump()) | {"teacher": None}
        confirm(scene, record, parts | carried_by(runtime.targets(models_in(record.config))))

        def work(tell: OnProgress) -> Improvement:
            definition = definition_of_subject(scene, subject_of(record))
            job = str(record.id)
            return runtime.optimize(definition, _task(record), job=job, on_progress=tell)

        made = conduct(scene, OptimizationRun, record.id, work)
        return scene.of(OptimizationRun).complete(record.id, **outcome_of(made))

    @generic
    def resume(scene: Scene, record: OptimizationRun) -> OptimizationRun:
        """Go on with what was interrupted, or has failed: what it was told before is not asked for again."""
        return scene.of(OptimizationRun).start(record)

    @internal
    @update
    def confirm(scene: Scene, record: OptimizationRun, *, fingerprint: dict[str, JsonValue]) -> Values:
        """Note what else it depends on."""
        return {"fingerprint": fingerprint}

    @internal
    @update
    def release(scene: Scene, record: OptimizationRun) -> Values:
        """Give its name up, for another to have."""
        return {"name": None}

    @internal
    @update
    def begin(scene: Scene, record: OptimizationRun, *, owner: dict[str, JsonValue]) -> Values:
        """The process `owner` carries it out from now on."""
        return {**Conducted.begin.function(scene, record, owner=owner), "trials": []}

    @internal
    @update
    def fail(scene: Scene, record: OptimizationRun, *, error: str) -> Values:
        """It has ended without a result; the best of what it tried is kept."""
        return {**Conducted.fail.function(scene, record, error=error), **_keep_best(scene, record)}

    @internal
    @update
    def interrupt(scene: Scene, record: OptimizationRun, *, error: str | None = None) -> Values:
        """Whoever carried it out does so no more, `error` says why; the best of what it tried is kept."""
        return {**Conducted.interrupt.function(scene, record, error=error), **_keep_best(scene, record)}

    @update
    def cancel(scene: Scene, record: OptimizationRun) -> Values:
        """End it. What goes on elsewhere ends with its process' next sign of life; the best of what it tried is kept."""
        return {**Conducted.cancel.function(scene, record), **_keep_best(scene, record)}

    @internal
    @update
    def complete(
        scene: Scene,
        record: OptimizationRun,
        *,
        state: dict[str, JsonValue],
        score: float | None,
        trials: list[dict[str, JsonValue]],
        traces: list[dict[str, JsonValue]],
        usage: dict[str, JsonValue],
    ) -> Values:
        """It is done: what was learned becomes a version of the program, or the module's state."""
        number = _keep(scene, record, state, score)
        from dspash.resources.optimizer import Optimizer

        if record.optimizer_id is not None:
            scene.of(Optimizer).note_run(record.optimizer_id, run_id=record.id, score=score)
        return {
            "score": score,
            "best_program_state": state,
            "result_version": number,
            "trials": trials,
            "traces": traces,
            "usage": usage,
            "ended_at": scene.now(),
        }


def _keep_best(scene: Scene, record: OptimizationRun) -> dict[str, Any]:
    """Make the best candidate so far a version of its program. A module has no versions: what it is stays as it was."""
    if record.best_program_state is None or record.program_id is None:
        return {}
    try:
        return {"result_version": _keep(scene, record, record.best_program_state, record.score)}
    except (DspashError, ContentError) as error:
        logger.warning("the best of run {} is in its record alone: {}", record.id, error)
        return {}


def _keep(
    scene: Scene, record: OptimizationRun, state: dict[str, JsonValue], score: float | None
) -> int | None:
    """Give what was learned to its program or module; the number of the version that has it."""
    from dspash.resources.program import Program

    if record.module_id is not None:
        scene.of(Module).learn(record.module_id, state=state)
        return None
    programs = scene.of(Program)
    program = programs.learn(
        record.program_id, state=state, version=record.program_version, score=score, run_id=record.id
    )
    definition = definition_of_subject(scene, subject_of(record))
    return number_of(scene, program, definition.content.with_state(wire_of(state)).content_hash)


def subject_of(record: OptimizationRun) -> Subject:
    """What it began with."""
    return Subject(record.program_id, record.program_version, record.module_id)


def _task(record: OptimizationRun) -> Task:
    return Task(
        optimizer=record.optimizer,
        trainset=wire_of(record.trainset),
        valset=None if record.valset is None else wire_of(record.valset),
        metric=record.metric,
        config=wire_of(record.config),
        seed=record.seed,
    )


def outcome_of(made: Improvement) -> Mapping[str, Any]:
    """What `complete` takes. Raises ContentError for a state that cannot be kept."""
    return {
        "state": json_of(made.state),
        "score": made.score,
        "trials": observed(list(made.candidates)),
        "traces": observed(list(made.traces)),
        "usage": observed(made.usage),
    }


def improvement_of(record: OptimizationRun) -> Improvement:
    """What a run that is done has made: the reverse of `outcome_of`."""
    return Improvement(
        state=wire_of(record.best_program_state or {}),
        score=record.score,
        candidates=wire_of(record.trials),
        traces=wire_of(record.traces),
        usage=record.usage,
    )
