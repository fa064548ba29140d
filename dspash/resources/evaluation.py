"""Evaluation: how a program or module did on a set of examples, as a whole and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from loguru import logger
from pydantic import Field, JsonValue

from dspash.errors import DspashError
from dspash.resources.conducted import Conducted
from dspash.resources.conductor import conduct
from dspash.resources.content import hash_of, wire_of
from dspash.resources.examples import ExampleSource, examples_from
from dspash.resources.kernel import (
    Attribute,
    BelongsTo,
    HasMany,
    Resource,
    Scene,
    Values,
    create,
    generic,
    internal,
    update,
)
from dspash.resources.metric import resolve_metric
from dspash.resources.metric_name import metric_name
from dspash.resources.observed import observed, observed_text
from dspash.resources.refusal import refused
from dspash.resources.runtime import Judged, Judgement, OnProgress, runtime_of
from dspash.resources.subject import Subject, definition_of_subject, find_subject
from dspash.scoring import (
    ScoredExample,
    compare_scores,
    mean_interval,
    write_results,
)
from dspash.scoring.significance import SignificanceTest

__all__ = ["Evaluation", "EvaluationResult", "keep_judgement", "keep_outcomes", "outcomes_of"]


class EvaluationResult(Resource, table="evaluation_results", append_only=True, audited=False):
    """How one example of an evaluation went."""

    evaluation_id: Annotated[UUID, Attribute("The evaluation.", references="Evaluation", on_delete="cascade")]
    index: Annotated[int, Attribute("The example's place in the set, from 0.")]
    score: Annotated[float, Attribute("What the metric said; 0 where the program failed.", indexed=True)]
    prediction: Annotated[dict[str, JsonValue] | None, Attribute("The output fields.")] = None
    error: Annotated[str | None, Attribute("Why there are none.")] = None

    evaluation = BelongsTo("Evaluation", by="evaluation_id")

    @internal
    @create
    def note(
        scene: Scene,
        *,
        evaluation_id: UUID,
        index: int,
        score: float,
        prediction: dict[str, JsonValue] | None,
        error: str | None,
    ) -> Values:
        """Note how an example went."""
        return {
            "evaluation_id": evaluation_id,
            "index": index,
            "score": score,
            "prediction": prediction,
            "error": error,
        }


class Evaluation(Conducted, table="evaluations"):
    """How a program or module did on a set of examples. `results` has every example's outcome, as they came."""

    devset: Annotated[
        list[dict[str, JsonValue]],
        Attribute("The examples: maps of inputs and expected outputs.", max_length=64_000_000),
    ] = Field(default_factory=list[dict[str, JsonValue]])
    devset_hash: Annotated[
        str,
        Attribute("The SHA-256 of the examples: what is compared was judged by equal ones.", indexed=True),
    ]
    score: Annotated[
        float | None, Attribute("The mean of all scores, failures counting as 0.", indexed=True)
    ] = None
    total: Annotated[int, Attribute("How many examples there are.")] = 0
    correct: Annotated[int, Attribute("How many of them scored 1 or more.")] = 0
    failed: Annotated[int, Attribute("How many of them have an error in place of a prediction.")] = 0
    example_timeout_s: Annotated[
        float | None, Attribute("What each example gets; one that takes longer has failed.")
    ] = None

    results = HasMany("EvaluationResult", by="evaluation_id")

    @create
    def create(
        scene: Scene,
        *,
        program: str | None = None,
        version: int | None = None,
        module: str | None = None,
        devset: ExampleSource,
        metric: JsonValue = "exact_match",
        example_timeout_s: Annotated[float | None, Field(gt=0)] = None,
    ) -> Values:
        """Plan an evaluation, for `run` to carry out: of a program's live version, the newest, or `version`; or a module."""
        examples = examples_from(scene, devset, "$.devset")
        return {
            **find_subject(scene, program, version, module, newest=False).to_values(),
            "metric": resolve_metric(scene, metric),
            "metric_name": metric_name(metric),
            "devset": examples.rows,
            "devset_hash": hash_of(examples.rows),
            "total": len(examples.rows),
            "example_timeout_s": example_timeout_s,
            **examples.source_values(),
        }

    # --- carrying it out ---

    @generic
    def run(scene: Scene, record: Evaluation) -> Evaluation:
        """Carry it out, and wait for its end. One that was interrupted goes on: what it has results of is not run again.

        Raises what made it fail.
        """

        def work(tell: OnProgress) -> Judgement:
            definition = definition_of_subject(
                scene, Subject(record.program_id, record.program_version, record.module_id)
            )
            return runtime_of(scene).evaluate(
                definition,
                wire_of(record.devset),
                record.metric,
                job=str(record.id),
                on_progress=tell,
                known=outcomes_of(scene, record.id),
                on_judged=lambda outcomes: keep_outcomes(scene, record.id, outcomes),
                example_timeout_s=record.example_timeout_s,
            )

        made = conduct(scene, Evaluation, record.id, work)
        return keep_judgement(scene, record.id, made)

    @internal
    @update
    def complete(
        scene: Scene,
        record: Evaluation,
        *,
        score: float,
        correct: int,
        failed: int,
        usage: dict[str, JsonValue],
    ) -> Values:
        """It is done; its results are noted."""
        return {
            "score": score,
            "correct": correct,
            "failed": failed,
            "usage": usage,
            "progress": {"done": record.total, "total": record.total, "score": score},
            "ended_at": scene.now(),
        }

    # --- looking at it ---

    @generic
    def interval(
        scene: Scene, record: Evaluation, *, level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    ) -> dict[str, JsonValue] | None:
        """Between which bounds the score is, as far as these examples can tell; null for fewer than two results."""
        found = mean_interval([each.score for each in outcomes_of(scene, record.id)], level=level)
        return None if found is None else found.to_map()

    @generic
    def compare(
        scene: Scene, record: Evaluation, *, other: str, test: SignificanceTest | None = None
    ) -> dict[str, JsonValue]:
        """What another evaluation of the same examples did better and worse, example by example.

        With a `test`, also the probability that chance alone makes such a difference: `mcnemar` of what is right and
        wrong, `permutation` of scores between, `auto` the fitting one. Tests need scipy, of the extra `statistics`.
        """
        rival = scene.of(Evaluation).get(other)
        if rival.devset_hash != record.devset_hash:
            raise refused("$.other", "was judged by other examples, or in another order")
        scores = [
            {each.index: each.score for each in outcomes_of(scene, side.id)} for side in (record, rival)
        ]
        compared = compare_scores(*scores)
        told = compared.to_map()
        if test is not None:
            told["significance"] = compared.significance(test).to_map()
        return told

    @generic
    def export(scene: Scene, record: Evaluation, *, path: str) -> dict[str, JsonValue]:
        """Write a row for each example that has a result, as CSV, JSON lines, Markdown or Parquet, by the path's ending."""
        outcomes = outcomes_of(scene, record.id)
        written = write_results(
            path,
            [
                ScoredExample(
                    index=each.index,
                    score=each.score,
                    error=each.error,
                    prediction=each.prediction,
                    example=record.devset[each.index],
                )
                for each in outcomes
            ],
        )
        return {"path": str(written), "results": len(outcomes)}


def outcomes_of(scene: Scene, evaluation_id: UUID) -> list[Judged]:
    """The outcomes that are noted by now, in the order of the examples."""
    noted = scene.of(EvaluationResult).iterate(filter={"evaluation_id": str(evaluation_id)})
    found = [Judged(each.index, each.score, each.prediction, each.error) for each in noted]
    return sorted(found, key=lambda outcome: outcome.index)


def keep_outcomes(scene: Scene, evaluation_id: UUID, outcomes: Sequence[Judged]) -> None:
    """Note outcomes as they come. What prevents that is logged: the evaluation goes on, and notes them at its end."""
    try:
        with scene.transaction() as writing:
            _note_outcomes(writing, evaluation_id, outcomes)
    except DspashError as error:
        logger.warning("results of evaluation {} are not kept yet: {}", evaluation_id, error)


def keep_judgement(scene: Scene, evaluation_id: UUID, made: Judgement) -> Evaluation:
    """Note every outcome that is not noted yet, and that the evaluation is completed."""
    with scene.transaction() as writing:
        noted = {outcome.index for outcome in outcomes_of(writing, evaluation_id)}
        _note_outcomes(writing, evaluation_id, [each for each in made.results if each.index not in noted])
        return writing.of(Evaluation).complete(
            evaluation_id,
            score=made.score,
            correct=sum(each.score >= 1.0 for each in made.results),
            failed=sum(each.error is not None for each in made.results),
            usage=observed(made.usage),
        )


def _note_outcomes(writing: Scene, evaluation_id: UUID, outcomes: Sequence[Judged]) -> None:
    results = writing.of(EvaluationResult)
    for each in sorted(outcomes, key=lambda outcome: outcome.index):
        results.note(
            evaluation_id=evaluation_id,
            index=each.index,
            score=each.score,
            prediction=None if each.prediction is None else observed(each.prediction),
            error=None if each.error is None else observed_text(each.error),
        )
