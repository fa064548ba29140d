"""Optimizer plan: one of DSPy's optimizers made ready to run, from a configuration that was checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import dspy

from dspash_worker.call import Call
from dspash_worker.classes import separate
from dspash_worker.embedding import read_embedder
from dspash_worker.evaluation import DEFAULT_THREADS
from dspash_worker.faults import of_program
from dspash_worker.lineage import Lineage
from dspash_worker.metrics import Metric
from dspash_worker.optimization_progress import OptimizationProgress
from dspash_worker.optimizers import OptimizerType, Sizes, find_optimizer
from dspash_worker.parameters import check_config, check_required
from dspash_worker.refusal import invalid, invalid_value, pick
from dspash_worker.workbench import Workbench, id_of

__all__ = ["Job", "Plan", "plan_optimizer"]


@dataclass(frozen=True)
class Job:
    """What is to be improved, by what, and who is told."""

    workbench: Workbench
    call: Call
    trainset: list[dspy.Example]
    valset: list[dspy.Example] | None
    metric: Metric | None
    seed: int
    progress: OptimizationProgress


@dataclass
class Plan:
    """An optimizer's arguments in the making: `init` for its constructor, `run` for its `compile`."""

    row: OptimizerType
    job: Job
    student: dspy.Module
    config: dict[str, Any]
    path: str
    init: dict[str, Any] = field(default_factory=dict[str, Any])
    run: dict[str, Any] = field(default_factory=dict[str, Any])

    def make(self) -> Any:
        """Construct the optimizer. Raises FaultError where it does not like its arguments."""
        with of_program(f"optimizer {self.row.name}"):
            try:
                return self.row.optimizer(**self.init)
            except (ValueError, TypeError, AssertionError) as error:
                raise invalid(self.path, str(error) or type(error).__name__) from error


def plan_optimizer(
    row: OptimizerType, raw: Mapping[str, Any], job: Job, student: dspy.Module, path: str
) -> Plan:
    """Return the plan for `raw`, a configuration. Raises FaultError naming the key that does not fit; nothing ran yet."""
    for name in raw:
        if name in row.refused:
            raise invalid(f"{path}.{name}", f"refused: {row.refused[name]}")
    plan = Plan(row, job, student, check_config(raw, row.parameters(), path=path), path)
    if row.complete is not None:
        valset = None if job.valset is None else len(job.valset)
        row.complete(plan.config, Sizes(len(job.trainset), valset, len(student.predictors())))
    check_required(plan.config, row.parameters(), path=path)
    _split(plan)
    _add_models(plan)
    _add_data(plan)
    if job.metric is not None and row.needs_metric:
        plan.init["metric"] = job.progress.metric(job.metric, feedback=row.wants_feedback)
    if (add := _ADDITIONS.get(row.name)) is not None:
        add(plan)
    return plan


def _split(plan: Plan) -> None:
    """A key goes to the constructor where that takes it, else to `compile`; the seed to whichever has one."""
    init, run = plan.row.init_parameters(), plan.row.compile_parameters()
    plan.init |= {name: value for name, value in plan.config.items() if name in init}
    plan.run |= {name: value for name, value in plan.config.items() if name in run and name not in init}
    for parameters, given in ((init, plan.init), (run, plan.run)):
        if "seed" in parameters:
            given.setdefault("seed", plan.job.seed)


def _add_models(plan: Plan) -> None:
    models = plan.job.workbench.models
    for name in plan.row.models:
        if plan.init.get(name) is not None:
            plan.init[name] = models.build(plan.init[name], path=f"{plan.path}.{name}")
    settings: Mapping[str, Any] = plan.init.get("teacher_settings") or {}
    for name, raw in settings.items():
        if name != "lm":
            raise invalid(f"{plan.path}.teacher_settings.{name}", "only lm can be set")
        plan.init["teacher_settings"] = {"lm": models.build(raw, path=f"{plan.path}.teacher_settings.lm")}


def _add_data(plan: Plan) -> None:
    job = plan.job
    taken = inspect.signature(plan.row.optimizer.compile).parameters
    given: dict[str, Any] = {"student": plan.student, "trainset": job.trainset, "valset": job.valset}
    if job.call.args.get("teacher") is not None:
        if not plan.row.takes_teacher:
            raise invalid("$.teacher", f"{plan.row.name} takes none")
        given["teacher"] = separate(
            job.workbench.definition(job.call, id_of(job.call.args, "teacher")).module
        )
    plan.run |= {name: value for name, value in given.items() if name in taken and value is not None}


def _add_to_copro(plan: Plan) -> None:
    threads = plan.config.get("num_threads") or DEFAULT_THREADS
    plan.run["eval_kwargs"] = {"num_threads": threads, "display_progress": False, "display_table": 0}


def _add_to_gepa(plan: Plan) -> None:
    if plan.init.get("reflection_lm") is None:
        plan.init["reflection_lm"] = dspy.settings.lm
    progress = plan.job.progress
    plan.init["gepa_kwargs"] = {"callbacks": [Lineage(progress.candidates, plan.student, progress.untold)]}


def _add_to_knn(plan: Plan) -> None:
    job = plan.job
    if len(job.trainset) < 2:
        raise invalid("$.trainset", "two examples are needed to tell the nearer one")
    full, path = job.workbench.full, f"{plan.path}.embedder"
    plan.init["trainset"] = job.trainset
    plan.init["vectorizer"] = read_embedder(plan.config.get("embedder"), full=full, path=path)
    if job.metric is not None:
        plan.init["metric"] = job.progress.metric(job.metric, feedback=False)


def _add_to_ensemble(plan: Plan) -> None:
    job = plan.job
    names = job.call.args.get("programs")
    if not isinstance(names, list) or len(names) < 2:
        raise invalid("$.programs", "the ids of two or more programs are wanted")
    programs = [separate(job.workbench.definition(job.call, str(name)).module) for name in names]
    plan.run = {"programs": programs}
    plan.init["reduce_fn"] = dspy.majority if plan.config.get("reduce", "majority") else None


def _add_to_better_together(plan: Plan) -> None:
    """Make the optimizers of its steps, each of a plan of its own."""
    plan.student.set_lm(dspy.settings.lm)  # it wants each predictor to have one of its own
    arguments: dict[str, dict[str, Any]] = {}
    for name, raw in plan.config["optimizers"].items():
        step = _step(plan, raw, f"{plan.path}.optimizers.{name}")
        plan.init[name] = step.make()
        arguments[name] = {key: value for key, value in step.run.items() if key not in _SHARED}
    plan.run["optimizer_compile_args"] = {name: given for name, given in arguments.items() if given}
    plan.run.setdefault("strategy", " -> ".join(plan.config["optimizers"]))


def _step(plan: Plan, raw: object, path: str) -> Plan:
    if not isinstance(raw, Mapping):
        raise invalid_value(path, "a map with optimizer and config", raw)
    row = find_optimizer(pick(raw, "optimizer", str, "text", path=path, default=""), path=f"{path}.optimizer")
    if row.name in _NO_STEPS:
        raise invalid(f"{path}.optimizer", f"{row.name} cannot be a step")
    config = pick(raw, "config", Mapping, "a map", path=path, default={})
    return plan_optimizer(row, config, plan.job, plan.student, f"{path}.config")


_SHARED: Final = ("student", "trainset", "valset", "teacher")
_NO_STEPS: Final = ("better_together", "ensemble", "knn_few_shot")
_ADDITIONS: Final[Mapping[str, Callable[[Plan], None]]] = {
    "copro": _add_to_copro,
    "gepa": _add_to_gepa,
    "knn_few_shot": _add_to_knn,
    "ensemble": _add_to_ensemble,
    "better_together": _add_to_better_together,
}
