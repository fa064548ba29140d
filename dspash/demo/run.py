"""Run: evaluate a program, optimise it, evaluate it again, ask it three questions; keep what is better."""

from __future__ import annotations

import random
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from dspash.app import App, Evaluation, Module, Program
from dspash.app import open as open_app
from dspash.demo.display import Display
from dspash.demo.lineage import Lineage
from dspash.demo.report import Answered, Cost, Judged, Report
from dspash.demo.stage import Stage
from dspash.demo.task import Task
from dspash.errors import WorkerFaultError

__all__ = ["RunOptions", "run_task"]

OPTIMIZER: Final = "bootstrap_fewshot"
QUESTIONS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """`seed` orders the training examples, seeds the optimizer and chooses the questions.

    `database` is where programs are kept, a path or a URL; with None, nothing is. A run begins with the live version
    of its program, if there is one, unless `anew`.
    """

    workers: int = 2
    lm: str = "offline"
    seed: int = 0
    database: str | None = None
    anew: bool = False


def run_task(task: Task, options: RunOptions, display: Display) -> Report:
    """Do the whole job in workers of its own, shown on `display`; nothing is left behind, however it ends.

    Raises DspashError.
    """
    with open_app(workers=options.workers, lm=options.lm, database=options.database) as app:
        return _Run(app, task, options, display).report()


class _Run:
    """One run, while its app is open."""

    def __init__(self, app: App, task: Task, options: RunOptions, display: Display) -> None:
        self._app = app
        self._task = task
        self._display = display
        self._seed = options.seed
        self._lineage = (
            None if options.database is None or not task.program else Lineage(app, task, options.database)
        )
        self._anew = options.anew
        self._random = random.Random(options.seed)

    def report(self) -> Report:
        with self._stage("start workers"):
            first, start = self._begin()
        before = self._judge(f"evaluate {start}", first)
        improved, cost = self._optimise(first)
        after = self._judge("evaluate optimised", improved)
        answers = self._answer(improved)
        kept = None if self._lineage is None else self._lineage.settle(is_better=after.score > before.score)
        return Report(self._task.title, before, cost, after, answers, start, kept)

    def _begin(self) -> tuple[Program | Module, str]:
        """What the run begins with, and what to call that."""
        plain = self._task.define(self._app)
        if self._lineage is None:
            return plain, "plain"
        live = self._lineage.begin(anew=self._anew)
        return (plain, "plain") if live is None else (live, f"version {self._lineage.began}")

    @contextmanager
    def _stage(self, title: str) -> Generator[Stage]:
        stage = Stage(title, self._lm_calls)
        with self._display.showing(stage):
            yield stage
            stage.end()

    def _lm_calls(self) -> int:
        return sum(tally.calls for tally in self._app.gateway.usage().values())

    def _judge(self, title: str, program: Program | Module) -> Judged:
        with self._stage(title) as stage:
            stage.advance(0, len(self._task.devset))

            def on_progress(told: Mapping[str, Any]) -> None:
                stage.advance(told["done"], told["total"], told["score"])

            found = self._app.evaluate(program, self._task.devset, self._task.metric, on_progress=on_progress)
        return self._judged(found, Cost(stage.lm_calls, stage.elapsed_s))

    def _judged(self, found: Evaluation, cost: Cost) -> Judged:
        return Judged(
            scores={self._task.score_name: found.score, **self._further_scores(found)},
            examples=found.total,
            errors=tuple(result.error for result in found.results if result.error is not None),
            cost=cost,
        )

    def _further_scores(self, found: Evaluation) -> dict[str, float]:
        field = self._task.output_field
        pairs = [
            (example[field], str(result.prediction[field]))
            for example, result in zip(self._task.devset, found.results, strict=True)
            if result.prediction is not None
        ]
        return {
            name: sum(score(expected, predicted) for expected, predicted in pairs) / found.total
            for name, score in self._task.further_scores.items()
        }

    def _optimise(self, plain: Program | Module) -> tuple[Program | Module, Cost]:
        trainset = self._random.sample(self._task.trainset, len(self._task.trainset))
        with self._stage("optimise") as stage:

            def on_progress(told: Mapping[str, Any]) -> None:
                if "done" in told and "total" in told:
                    stage.advance(told["done"], told["total"], told.get("score"))

            improved = self._app.optimize(
                plain,
                trainset,
                self._task.metric,
                OPTIMIZER,
                seed=self._seed,
                on_progress=on_progress,
                **self._task.optimizer_config,
            )
        return improved, Cost(stage.lm_calls, stage.elapsed_s)

    def _answer(self, program: Program | Module) -> tuple[Answered, ...]:
        chosen = self._random.sample(self._task.devset, min(QUESTIONS, len(self._task.devset)))
        field = self._task.input_field
        answers: list[Answered] = []
        with self._stage("answer questions") as stage:
            stage.advance(0, len(chosen))
            for example in chosen:
                outputs, error = self._ask(program, {field: example[field]})
                answers.append(Answered(example[field], example[self._task.output_field], outputs, error))
                stage.advance(len(answers), len(chosen))
        return tuple(answers)

    @staticmethod
    def _ask(program: Program | Module, inputs: Mapping[str, str]) -> tuple[Mapping[str, Any], str | None]:
        """Return the outputs, or none and the error: what one question breaks is told with the rest."""
        try:
            return program(**inputs), None
        except WorkerFaultError as error:
            return {}, str(error)
