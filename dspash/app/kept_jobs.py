"""Kept jobs: evaluations and optimisations of handles, done by the workers and noted in the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from dspash.app.call_group import CallGroup
from dspash.app.evaluation import Evaluation, OnProgress, OnResults
from dspash.app.jobs import ExampleSource, Jobs, JobTerms
from dspash.app.metrics import Metric
from dspash.app.plan import Planner
from dspash.app.registrar import Registrar, RunName
from dspash.app.runnable import Runnable
from dspash.errors import DspashError
from dspash.resources.runtime import Improvement
from dspash.usage import Usage
from dspash_protocol import Command

if TYPE_CHECKING:
    from dspash.app.app import App

__all__ = ["KeptJobs"]

R = TypeVar("R", bound=Runnable)


class KeptJobs:
    """What `App.evaluate` and `App.optimize` do."""

    def __init__(self, app: App, planner: Planner, jobs: Jobs, registrar: Registrar) -> None:
        self._app = app
        self._planner = planner
        self._jobs = jobs
        self._registrar = registrar

    def __repr__(self) -> str:
        return f"<KeptJobs {self._registrar!r}>"

    def evaluate(
        self,
        group: CallGroup,
        runnable: Runnable,
        devset: ExampleSource,
        metric: Metric,
        terms: JobTerms,
    ) -> Evaluation:
        """Score `runnable` on `devset`, and keep how it did."""

        def work(rows: Sequence[dict[str, Any]], told: JobTerms, on_results: OnResults | None) -> Evaluation:
            return self._jobs.evaluate(group, runnable, rows, metric, told, on_results=on_results)

        return self._registrar.evaluate(group, runnable, devset, metric, terms=terms, work=work)

    def optimize(
        self,
        group: CallGroup,
        runnable: R,
        settings: Mapping[str, Any],
        metric: Metric,
        *,
        teacher: Runnable | None,
        terms: JobTerms,
        name: RunName | None = None,
    ) -> R:
        """Have a worker improve `runnable`, define what that makes in all of them, and keep what came of it."""

        def work(
            begun: R, asked: Mapping[str, Any], on_progress: OnProgress | None
        ) -> tuple[R, Mapping[str, Any]]:
            told = replace(terms, on_progress=on_progress)
            answer, usage = self._jobs.optimize(group, begun, asked, metric, teacher=teacher, terms=told)
            return self._define(begun, answer, usage), answer

        def recall(made: Improvement) -> R:
            answer = {
                "optimized_program": {"state": made.state},
                "score": made.score,
                "candidates": list(made.candidates),
            }
            return self._define(runnable, answer, Usage(**made.usage))

        return self._registrar.optimize(
            group,
            runnable,
            settings,
            metric,
            on_progress=terms.on_progress,
            work=work,
            recall=recall,
            teacher=teacher,
            name=name,
        )

    def _define(self, runnable: R, answer: Any, usage: Usage) -> R:
        """What an optimizer has made of `runnable`, defined in every worker."""
        improved = self._app.define(self._planner.improved(runnable, answer, usage))
        try:
            self._app.call(Command.LOAD_STATE, {"id": improved.id, "state": improved.state})
        except BaseException:
            with suppress(DspashError):
                self._app.delete(improved)
            raise
        return improved
