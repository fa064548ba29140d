"""Optimisation: `optimize`, from a request through one of DSPy's optimizers to the state it has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import dspy

from dspash_protocol import FaultError, FaultKind
from dspash_worker.call import Call
from dspash_worker.classes import separate, set_compiled
from dspash_worker.definitions import Definition
from dspash_worker.evaluation import DEFAULT_THREADS, Outcome, evaluate_program
from dspash_worker.examples import read_examples
from dspash_worker.faults import fault_of, of_program
from dspash_worker.learned import strip
from dspash_worker.metrics import read_metric
from dspash_worker.optimization_progress import OptimizationProgress
from dspash_worker.optimizer_plan import Job, Plan, plan_optimizer
from dspash_worker.optimizers import OptimizerType, find_optimizer
from dspash_worker.programs import define_program
from dspash_worker.refusal import invalid, invalid_value, pick, unavailable
from dspash_worker.seeding import seeded
from dspash_worker.state import dump, summarise
from dspash_worker.trials import gathering_trials
from dspash_worker.wire_types import to_wire
from dspash_worker.workbench import Workbench, id_of

__all__ = ["optimize"]

MAX_CANDIDATES: Final = 100


def optimize(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `optimize {optimizer, program | program_id | module_id, trainset, metric, valset?, config?, seed?, as?,
    teacher?, programs?, input_fields?}`.

    The program itself stays as it is; what was learned is in the answer, and under the id `as` if one is given.
    """
    args = call.args
    row = find_optimizer(pick(args, "optimizer", str, "an optimizer (text)", default=""), path="$.optimizer")
    definition = _read_program(workbench, call)
    job = _read_job(workbench, call, row, definition)
    config = pick(args, "config", Mapping, "a map", default={})
    said = definition.settings
    new_id = id_of(args, "as") if args.get("as") is not None else None
    with (
        workbench.context(call, said),
        dspy.context(callbacks=[job.progress]),
        seeded(job.seed),
        gathering_trials(job.progress.candidates),
    ):
        student = separate(definition.module)
        set_compiled(student, compiled=False)  # DSPy refuses to improve further what was improved once
        plan = plan_optimizer(row, config, job, student, "$.config")
        if new_id is None and not row.portable:
            raise invalid(
                "$.as",
                f"missing: what {row.name} makes is more than a state",
                hint="give it an id, under which this worker keeps it",
            )
        optimizer = plan.make()
        with of_program(f"optimizer {row.name}"):
            improved = _compile(optimizer, plan)
    with workbench.context(call, said):
        kept = _kept_candidates(improved, row)
        complete = not vars(improved).get("flag_compilation_error_occurred", False)
        strip(improved)
        judged = _judge(improved, job, definition.title)
    if new_id is not None:
        workbench.add(call, definition.with_module(improved, id=new_id))
    return {
        "optimized_program": {"modules": summarise(improved), "state": dump(improved)},
        "score": None if judged is None else judged.score,
        "traces": [] if judged is None else [result.to_map() for result in judged.results],
        "candidates": _ranked(kept or [{"score": score} for score in job.progress.candidates.scores]),
        "metric_calls": job.progress.judged,
        "complete": complete,
        "portable": row.portable,
        **({"id": new_id} if new_id is not None else {}),
    }


def _read_job(workbench: Workbench, call: Call, row: OptimizerType, definition: Definition) -> Job:
    args = call.args
    fields = args.get("input_fields")
    trainset: list[dspy.Example] = []
    if row.needs_trainset or args.get("trainset") is not None:
        trainset = read_examples(args.get("trainset"), definition, path="$.trainset", input_fields=fields)
    valset: list[dspy.Example] | None = None
    if args.get("valset") is not None:
        valset = read_examples(args["valset"], definition, path="$.valset", input_fields=fields)
    raw = args.get("metric")
    metric = read_metric(raw) if raw is not None or row.needs_metric else None
    seed = pick(args, "seed", int, "an integer", default=0)
    return Job(workbench, call, trainset, valset, metric, seed, OptimizationProgress(call, len(trainset)))


def _read_program(workbench: Workbench, call: Call) -> Definition:
    """Find the program: by its id, or in the plain protocol's original form, as data that may still have to be built."""
    raw = call.args.get("program")
    if raw is None:
        return workbench.definition(call, id_of(call.args, "program_id", "module_id"))
    if isinstance(raw, str):
        return workbench.definition(call, raw)
    if not isinstance(raw, Mapping):
        raise invalid_value("$.program", "an id or a map", raw)
    name = id_of(raw, "id")
    found = workbench.find(call, name)
    if found is None:
        found = define_program(workbench, call, raw, name, "$.program")
        workbench.add(call, found)
    return found


def _compile(optimizer: Any, plan: Plan) -> dspy.Module:
    """Run the optimizer, telling the first failure where it says no more than that there were too many.

    Optimizers take a refused call for a bad answer, and go on: with the budget spent, what they end with is no result.
    """
    progress = plan.job.progress
    try:
        improved = optimizer.compile(**plan.run)
    except ImportError as error:
        raise unavailable(f"{plan.row.name} needs a package that is not installed: {error}") from error
    except Exception as error:
        first = progress.spent or progress.first_failure
        if first is None or isinstance(error, FaultError):
            raise
        told = fault_of(error).message
        message = told if first.message in told else f"{told} The first failure was: {first.message}"
        kind = FaultKind.PROGRAM_ERROR if first.kind is FaultKind.INTERNAL else first.kind
        raise FaultError(replace(first, kind=kind, message=message)) from error
    if progress.spent is not None:
        raise FaultError(progress.spent)
    return improved


def _judge(program: dspy.Module, job: Job, title: str) -> Outcome | None:
    """Score what was learned, on the validation set where there is one."""
    examples: Sequence[dspy.Example] = job.valset or job.trainset
    if job.metric is None or not examples:
        return None
    outcome = evaluate_program(
        job.call, lambda: program, examples, job.metric, title=title, threads=DEFAULT_THREADS
    )
    for result in outcome.results:
        if result.fault is not None:
            job.progress.note(result.fault)
    if job.progress.spent is not None:
        raise FaultError(job.progress.spent)
    _require_a_verdict(outcome, job)
    job.progress.candidates.finish(outcome.score, examples=len(examples))
    return outcome


def _require_a_verdict(outcome: Outcome, job: Job) -> None:
    """Raise FaultError where the metric never said anything, then or before: nothing was learned, and 0 is no score."""
    faults = [result.fault for result in outcome.results if result.fault is not None]
    if len(faults) < len(outcome.results) or job.progress.judged:
        return
    message = f"not one example could be judged; the first failure was: {faults[0].message}"
    raise FaultError(replace(faults[0], message=message))


def _kept_candidates(program: dspy.Module, row: OptimizerType) -> list[dict[str, Any]]:
    """Return what the optimizer says it tried, without the programs themselves; empty where it says nothing."""
    detailed = vars(program).get("detailed_results")
    if detailed is not None:
        scored = zip(detailed.val_aggregate_scores, detailed.parents, strict=True)
        return [
            {"score": float(score), "parents": [parent for parent in parents if parent is not None]}
            for score, parents in scored
        ]
    scale = 100 if row.percent else 1
    return [
        {
            name: to_wire(value)
            for name, value in candidate.items()
            if name not in ("program", "score", "subscores")
        }
        | {"score": float(candidate["score"]) / scale}
        for candidate in vars(program).get("candidate_programs") or ()
        if candidate.get("score") is not None
    ]


def _ranked(candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return candidates numbered in the order in which they were tried, the best first."""
    numbered = [{"index": index, **candidate} for index, candidate in enumerate(candidates)]
    return sorted(numbered, key=lambda candidate: -candidate["score"])[:MAX_CANDIDATES]
