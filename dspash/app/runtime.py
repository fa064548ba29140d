"""Runtime: an app as the resources' actions see it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dspash.app.builder import Builder
from dspash.app.call_group import CallGroup
from dspash.app.evaluation import Evaluation, ExampleResult
from dspash.app.jobs import JOB_TIMEOUT_S, Jobs, JobTerms, optimizer_settings
from dspash.app.metrics import HostMetrics, host_name_in
from dspash.app.plan import Planner
from dspash.app.runnable import Runnable
from dspash.app.verdicts import read_verdicts
from dspash.errors import ConfigurationError
from dspash.prediction import Prediction
from dspash.resources.content import ContentError, State, json_of
from dspash.resources.observed import observed
from dspash.resources.runtime import (
    Definition,
    Improvement,
    Judged,
    Judgement,
    OnJudged,
    OnProgress,
    Runtime,
    Task,
    Verdict,
)
from dspash_protocol import Command

if TYPE_CHECKING:
    from dspash.app.app import App

__all__ = ["AppRuntime", "RuntimeOnDemand", "judged_of", "judgement_of", "result_of"]


class AppRuntime:
    """Runs definitions in the workers of one app. Thread-safe."""

    def __init__(
        self,
        app: App,
        builder: Builder,
        planner: Planner,
        jobs: Jobs,
        metrics: HostMetrics,
        *,
        start_run: Callable[[str], None],
        target_of: Callable[[str | None], str],
    ) -> None:
        """`start_run` is told the name of each job before it begins, or begins again; `target_of` says where a name of a
        model leads, or none.
        """
        self._app = app
        self._builder = builder
        self._planner = planner
        self._jobs = jobs
        self._metrics = metrics
        self._start_run = start_run
        self._target_of = target_of
        self._running: dict[str, CallGroup] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<AppRuntime jobs={len(self._running)}>"

    def inspect(self, definition: Definition) -> State:
        runnable = self._builder.build(definition, may_lack=True)
        return self._app.call(Command.DUMP_STATE, {"id": runnable.id})["state"]

    def execute(
        self, definition: Definition, inputs: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Prediction:
        return self._app.run(self._builder.build(definition), inputs, timeout_s=timeout_s)

    def evaluate(
        self,
        definition: Definition,
        devset: Sequence[Mapping[str, Any]],
        metric: Any,
        *,
        job: str,
        on_progress: OnProgress,
        known: Sequence[Judged] = (),
        on_judged: OnJudged | None = None,
        example_timeout_s: float | None = None,
    ) -> Judgement:
        self._require_known(metric)
        runnable = self._builder.build(definition)

        def on_results(results: Sequence[ExampleResult]) -> None:
            if on_judged is not None:
                on_judged([judged_of(result) for result in results])

        with self.job(job) as group:
            terms = JobTerms(JOB_TIMEOUT_S, None, on_progress, example_timeout_s)
            done = self._jobs.evaluate(
                group,
                runnable,
                [dict(example) for example in devset],
                metric,
                terms,
                known=[result_of(judged) for judged in known],
                on_results=on_results,
            )
            return judgement_of(done)

    def optimize(
        self, definition: Definition, task: Task, *, job: str, on_progress: OnProgress
    ) -> Improvement:
        self._require_known(task.metric)
        runnable = self._builder.build(definition)
        settings = optimizer_settings(
            task.optimizer, task.trainset, task.valset, teacher=None, seed=task.seed, config=task.config
        )
        with self.job(job) as group:
            terms = JobTerms(JOB_TIMEOUT_S, None, on_progress)
            answer, usage = self._jobs.optimize(
                group, runnable, settings, task.metric, teacher=None, terms=terms
            )
        improved = self._planner.improved(runnable, answer, usage).runnable
        return Improvement(
            state=improved.state or {},
            score=improved.score,
            candidates=improved.candidates,
            traces=answer.get("traces") or [],
            usage=asdict(usage),
        )

    def score(
        self, metric: Any, cases: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    ) -> Sequence[Verdict]:
        self._require_known(metric)
        told = [{"example": example, "prediction": prediction} for example, prediction in cases]
        answer = self._app.call(Command.SCORE, {"metric": metric, "cases": told})
        return read_verdicts(answer, len(cases))

    def generate(self, model: str, prompt: str, options: Mapping[str, Any]) -> str:
        return self._app.lm.generate(prompt, model=model, **options).text

    def built(self, definition: Definition, *, like: Runnable) -> Runnable:
        """The definition as a handle, with the host functions that `like` calls."""
        return self._builder.build(definition, functions=self._planner.functions_of(like))

    def targets(self, names: Sequence[str]) -> Mapping[str, str]:
        return {"default": self._target_of(None), **{name: self._target_of(name) for name in names}}

    def cancel(self, job: str, reason: str) -> bool:
        with self._lock:
            group = self._running.get(job)
        if group is None:
            return False
        group.cancel(reason)
        return True

    def _require_known(self, metric: Any) -> None:
        """Raise ConfigurationError for a metric that is a function which this app was not given."""
        name = host_name_in(metric)
        if name is not None and not self._metrics.knows(name):
            raise ConfigurationError(
                "metric",
                f"it is the function {name!r:.60} of an app, which this one was not given",
                f"give it with app.register_metric({name!r:.60}, …), or name another metric",
            )

    @contextmanager
    def job(self, name: str, group: CallGroup | None = None) -> Generator[CallGroup]:
        """Calls that `cancel` ends by this name, inside the block; it is the name of their run, too."""
        group = group or CallGroup()
        group.run = name
        self._start_run(name)
        with self._lock:
            self._running[name] = group
        try:
            yield group
        finally:
            with self._lock:
                self._running.pop(name, None)
            self._start_run(
                name
            )  # whatever it is repeated by counts from the start: nothing of it is remembered


class RuntimeOnDemand:
    """The runtime of an app that `open_app` opens when something is to be run; whoever gives that closes the app."""

    def __init__(self, open_app: Callable[[], App]) -> None:
        self._open_app = open_app
        self._runtime: Runtime | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<RuntimeOnDemand {self._runtime!r}>"

    def adopt(self, runtime: Runtime) -> None:
        """Use `runtime`, which is there already, in place of an app that would be opened."""
        with self._lock:
            self._runtime = runtime

    def inspect(self, definition: Definition) -> State:
        return self._opened().inspect(definition)

    def execute(
        self, definition: Definition, inputs: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Prediction:
        return self._opened().execute(definition, inputs, timeout_s=timeout_s)

    def evaluate(
        self,
        definition: Definition,
        devset: Sequence[Mapping[str, Any]],
        metric: Any,
        *,
        job: str,
        on_progress: OnProgress,
        known: Sequence[Judged] = (),
        on_judged: OnJudged | None = None,
        example_timeout_s: float | None = None,
    ) -> Judgement:
        return self._opened().evaluate(
            definition,
            devset,
            metric,
            job=job,
            on_progress=on_progress,
            known=known,
            on_judged=on_judged,
            example_timeout_s=example_timeout_s,
        )

    def optimize(
        self, definition: Definition, task: Task, *, job: str, on_progress: OnProgress
    ) -> Improvement:
        return self._opened().optimize(definition, task, job=job, on_progress=on_progress)

    def score(
        self, metric: Any, cases: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    ) -> Sequence[Verdict]:
        return self._opened().score(metric, cases)

    def generate(self, model: str, prompt: str, options: Mapping[str, Any]) -> str:
        return self._opened().generate(model, prompt, options)

    def targets(self, names: Sequence[str]) -> Mapping[str, str]:
        return self._opened().targets(names)

    def cancel(self, job: str, reason: str) -> bool:
        return self._runtime is not None and self._runtime.cancel(job, reason)

    def _opened(self) -> Runtime:
        with self._lock:
            if self._runtime is None:
                self._runtime = self._open_app().runtime
            return self._runtime


def judgement_of(evaluation: Evaluation) -> Judgement:
    """An evaluation as it is kept."""
    return Judgement(
        score=evaluation.score,
        results=[judged_of(result) for result in evaluation.results],
        usage=asdict(evaluation.usage),
    )


def judged_of(result: ExampleResult) -> Judged:
    """A result as it is kept: what is no JSON, which a worker may answer as well, is described."""
    fields = None if result.prediction is None else result.prediction.to_dict()
    try:
        kept = None if fields is None else json_of(fields)
    except ContentError:
        kept = observed(fields)
    return Judged(result.index, result.score, kept, result.error)


def result_of(judged: Judged) -> ExampleResult:
    """A result that was kept."""
    prediction = None if judged.prediction is None else Prediction(judged.prediction)
    return ExampleResult(judged.index, judged.score, prediction, judged.error)
