"""Optimisation: `optimize`, from a request through one of DSPy's optimizers to the state it has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import dspy

from dspash_protocol import Fault, FaultError, FaultKind
from dspash_worker.call import Call
from dspash_worker.definitions import Definition
from dspash_worker.embedding import read_embedder
from dspash_worker.evaluation import DEFAULT_THREADS, Outcome, evaluate_program
from dspash_worker.examples import read_examples
from dspash_worker.faults import fault_of, of_program
from dspash_worker.metrics import Metric, read_metric
from dspash_worker.optimization_progress import OptimizationProgress
from dspash_worker.optimizers import OptimizerType, find_optimizer
from dspash_worker.parameters import check_config
from dspash_worker.programs import define_program
from dspash_worker.refusal import invalid, invalid_value, pick, unavailable
from dspash_worker.seeding import seeded
from dspash_worker.state import dump, summarise
from dspash_worker.wire_types import to_wire
from dspash_worker.workbench import Workbench, id_of

__all__ = ["optimize"]

MAX_CANDIDATES: Final = 100
_KEPT_BY_DSPY: Final = (
    "candidate_programs",
    "mb_candidate_programs",
    "trial_logs",
    "detailed_results",
    "results_best",
    "results_latest",
    "flag_compilation_error_occurred",
    "prompt_model_total_calls",
    "total_calls",
    "simba_idx",
    "score",
)
"""What optimizers hang on the program they return: whole programs among it, which nobody would ever free."""


@dataclass(frozen=True)
class _Job:
    """One optimisation, read and checked."""

    workbench: Workbench
    call: Call
    definition: Definition
    trainset: list[dspy.Example]
    valset: list[dspy.Example] | None
    metric: Metric | None
    seed: int
    progress: OptimizationProgress


def optimize(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `optimize {optimizer, program | program_id | module_id, trainset, metric, valset?, config?, seed?, as?,
    teacher?, programs?, input_fields?}`.

    The program itself stays as it is; what was learned is in the answer, and under the id `as` if one is given.
    """
    args = call.args
    row = find_optimizer(pick(args, "optimizer", str, "an optimizer (text)", default=""), path="$.optimizer")
    job = _read_job(workbench, call, row)
    config = pick(args, "config", Mapping, "a map", default={})
    new_id = pick(args, "as", str, "an id (text)")
    with workbench.context(call), dspy.context(callbacks=[job.progress]), seeded(job.seed):
        student = job.definition.module.deepcopy()
        student._compiled = False  # noqa: SLF001  (DSPy refuses to improve further what was improved once)
        # Everything is read and checked here; only then may anything run.
        optimizer, run = _prepare(row, config, job, student, "$.config")
        with of_program(f"optimizer {row.name}"):
            improved = _compile(optimizer, run, job)
    with workbench.context(call):
        candidates = _candidates(improved, row, job.progress)
        complete = not vars(improved).get("flag_compilation_error_occurred", False)
        _strip(improved)
        judged = _judge(improved, job)
    if new_id is not None:
        workbench.add(job.definition.with_module(improved, id=new_id))
    return {
        "optimized_program": {"modules": summarise(improved), "state": dump(improved)},
        "score": None if judged is None else judged.score,
        "traces": [] if judged is None else [result.to_map() for result in judged.results],
        "candidates": candidates,
        "metric_calls": job.progress.judged,
        "complete": complete,
        **({"id": new_id} if new_id is not None else {}),
    }


def _read_job(workbench: Workbench, call: Call, row: OptimizerType) -> _Job:
    args = call.args
    definition = _read_program(workbench, call)
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
    return _Job(
        workbench, call, definition, trainset, valset, metric, seed, OptimizationProgress(call, len(trainset))
    )


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
    if any(definition.id == name for definition in workbench.definitions()):
        return workbench.definition(call, name)
    definition = define_program(workbench, call, raw, name, "$.program")
    workbench.add(definition)
    return definition


def _prepare(
    row: OptimizerType, raw: Mapping[str, Any], job: _Job, student: dspy.Module, path: str
) -> tuple[Any, dict[str, Any]]:
    """Return the optimizer, and the arguments of its `compile`. Raises FaultError naming the key that does not fit."""
    for name in raw:
        if name in row.refused:
            raise invalid(f"{path}.{name}", f"refused: {row.refused[name]}")
    config = check_config(raw, row.parameters(), path=path)
    if row.complete is not None:
        row.complete(config, job.trainset, job.valset, student)
    init, compile_ = row.init_parameters(), row.compile_parameters()
    made = {name: config[name] for name in config if name in init}
    run = {name: config[name] for name in config if name in compile_ and name not in init}
    for parameters, given in ((init, made), (compile_, run)):
        if "seed" in parameters and "seed" not in config:
            given["seed"] = job.seed
    _build_models(row, made, job, path)
    run |= _given_to_compile(row, job, student)
    if job.metric is not None and row.name != "ensemble":
        made["metric"] = job.progress.metric(job.metric, feedback=row.wants_feedback)
    _SPECIAL.get(row.name, _nothing_special)(made, run, config, job, path)
    with of_program(f"optimizer {row.name}"):
        try:
            return row.optimizer(**made), run
        except (ValueError, TypeError, AssertionError) as error:
            raise invalid(path, str(error) or type(error).__name__) from error


def _compile(optimizer: Any, run: Mapping[str, Any], job: _Job) -> dspy.Module:
    """Run the optimizer, telling its own complaints and the first failure behind "too many errors"."""
    try:
        return optimizer.compile(**run)
    except ImportError as error:
        raise unavailable(f"this optimizer needs a package that is not installed: {error}") from error
    except Exception as error:
        first = job.progress.first_failure
        if first is None or isinstance(error, FaultError):
            raise
        told = fault_of(error).message
        message = told if first.message in told else f"{told} The first failure was: {first.message}"
        kind = first.kind if first.kind is not FaultKind.INTERNAL else FaultKind.PROGRAM_ERROR
        fault = Fault(kind, message, type=first.type, details=first.details, traceback=first.traceback)
        raise FaultError(fault) from error


def _given_to_compile(row: OptimizerType, job: _Job, student: dspy.Module) -> dict[str, Any]:
    import inspect  # noqa: PLC0415

    taken = inspect.signature(row.optimizer.compile).parameters
    given: dict[str, Any] = {"student": student, "trainset": job.trainset, "valset": job.valset}
    raw = job.call.args.get("teacher")
    if raw is not None:
        if "teacher" not in taken:
            raise invalid("$.teacher", f"{row.name} takes none")
        given["teacher"] = job.workbench.definition(
            job.call, id_of(job.call.args, "teacher")
        ).module.deepcopy()
    return {name: value for name, value in given.items() if name in taken and value is not None}


def _build_models(row: OptimizerType, made: dict[str, Any], job: _Job, path: str) -> None:
    for name in row.models:
        if made.get(name) is not None:
            made[name] = job.workbench.models.build(made[name], path=f"{path}.{name}")
    settings = made.get("teacher_settings")
    if settings is not None:
        for name in settings:
            if name != "lm":
                raise invalid(f"{path}.teacher_settings.{name}", "only lm can be set")
        models = job.workbench.models
        made["teacher_settings"] = {
            name: models.build(raw, path=f"{path}.teacher_settings.{name}") for name, raw in settings.items()
        }


def _judge(program: dspy.Module, job: _Job) -> Outcome | None:
    """Score what was learned, on the validation set where there is one."""
    examples: Sequence[dspy.Example] = job.valset or job.trainset
    if job.metric is None or not examples:
        return None
    outcome = evaluate_program(
        job.call, lambda: program, examples, job.metric, title=job.definition.title, threads=DEFAULT_THREADS
    )
    job.progress.candidate(outcome.score, examples=len(examples), final=True)
    return outcome


def _candidates(
    program: dspy.Module, row: OptimizerType, progress: OptimizationProgress
) -> list[dict[str, Any]]:
    """Return what was tried, the best first: as the optimizer tells it, or as it was seen from outside."""
    kept = vars(program).get("candidate_programs")
    detailed = vars(program).get("detailed_results")
    if detailed is not None:
        found = [{"score": float(score)} for score in detailed.val_aggregate_scores]
    elif kept:
        scale = 100 if row.percent else 1
        found = [
            {
                name: to_wire(value)
                for name, value in candidate.items()
                if name not in ("program", "score", "subscores")
            }
            | {"score": float(candidate["score"]) / scale}
            for candidate in kept
            if candidate.get("score") is not None
        ]
    else:
        found = [{"score": score} for score in progress.scores]
    numbered = [{"index": index, **candidate} for index, candidate in enumerate(found)]
    return sorted(numbered, key=lambda candidate: -candidate["score"])[:MAX_CANDIDATES]


def _strip(program: dspy.Module) -> None:
    """Leave of an optimizer's result what it learned, in the structure that every worker builds.

    DSPy leaves compiled modules out of a larger program's state; a worker that loads the state has not compiled
    them, so both must look alike. A model set by the optimizer gives way to the one that is configured.
    """
    for name in _KEPT_BY_DSPY:
        vars(program).pop(name, None)
    program._compiled = False  # noqa: SLF001
    for predictor in program.predictors():
        predictor.lm = None


def _nothing_special(
    made: dict[str, Any], run: dict[str, Any], config: Mapping[str, Any], job: _Job, path: str
) -> None:
    return


def _special_copro(
    made: dict[str, Any], run: dict[str, Any], config: Mapping[str, Any], job: _Job, path: str
) -> None:
    threads = config.get("num_threads") or DEFAULT_THREADS
    run["eval_kwargs"] = {"num_threads": threads, "display_progress": False, "display_table": 0}


def _special_gepa(
    made: dict[str, Any], run: dict[str, Any], config: Mapping[str, Any], job: _Job, path: str
) -> None:
    if made.get("reflection_lm") is None:
        made["reflection_lm"] = dspy.settings.lm


def _special_knn(
    made: dict[str, Any], run: dict[str, Any], config: Mapping[str, Any], job: _Job, path: str
) -> None:
    if len(job.trainset) < 2:
        raise invalid("$.trainset", "two examples are needed to tell the nearer one")
    made["trainset"] = job.trainset
    made["vectorizer"] = read_embedder(
        config.get("embedder"), full=job.workbench.full, path=f"{path}.embedder"
    )


def _special_ensemble(
    made: dict[str, Any], run: dict[str, Any], config: Mapping[str, Any], job: _Job, path: str
) -> None:
    names = job.call.args.get("programs")
    if not isinstance(names, list) or len(names) < 2:
        raise invalid("$.programs", "the ids of two or more programs are wanted")
    programs = [job.workbench.definition(job.call, str(name)).module.deepcopy() for name in names]
    run.clear()
    run["programs"] = programs
    made["reduce_fn"] = dspy.majority if config.get("reduce", "majority") == "majority" else None


def _special_better_together(
    made: dict[str, Any], run: dict[str, Any], config: Mapping[str, Any], job: _Job, path: str
) -> None:
    student = run["student"]
    student.set_lm(dspy.settings.lm)  # it wants each predictor to have one of its own
    arguments: dict[str, Any] = {}
    for name, raw in config["optimizers"].items():
        place = f"{path}.optimizers.{name}"
        if not isinstance(raw, Mapping):
            raise invalid_value(place, "a map with optimizer and config", raw)
        row = find_optimizer(
            pick(raw, "optimizer", str, "text", path=place, default=""), path=f"{place}.optimizer"
        )
        if row.name in ("better_together", "ensemble", "knn_few_shot"):
            raise invalid(f"{place}.optimizer", f"{row.name} cannot be a step")
        inner = pick(raw, "config", Mapping, "a map", path=place, default={})
        made[name], inner_run = _prepare(row, inner, job, student, f"{place}.config")
        shared = ("student", "trainset", "valset", "teacher")
        arguments[name] = {key: value for key, value in inner_run.items() if key not in shared}
    run["optimizer_compile_args"] = {name: value for name, value in arguments.items() if value}
    run.setdefault("strategy", " -> ".join(config["optimizers"]))


_SPECIAL: Final = {
    "copro": _special_copro,
    "gepa": _special_gepa,
    "knn_few_shot": _special_knn,
    "ensemble": _special_ensemble,
    "better_together": _special_better_together,
}
