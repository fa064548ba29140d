"""Registrar: keeps what the short forms define and do; nobody waits for the database who need not."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from loguru import logger

from dspash.app.call_group import CallGroup
from dspash.app.contents import content_of_runnable, module_name_of, sandbox_of
from dspash.app.evaluation import Evaluation, ExampleResult, OnProgress, OnResults
from dspash.app.jobs import ExampleSource, JobTerms
from dspash.app.metrics import Metric
from dspash.app.records import Records
from dspash.app.runnable import Module, Program, Runnable
from dspash.app.runtime import AppRuntime, judged_of, judgement_of
from dspash.app.sandbox_choice import SandboxDefaults, choose_sandbox
from dspash.errors import ConfigurationError, ConflictError, DspashError, InvalidInputError, Problem
from dspash.resources.content import Content, ContentError, json_of, wire_of
from dspash.resources.runtime import Improvement

__all__ = ["Registrar", "RunName"]

SETTLING_S: Final = 30.0
"""How long whoever looks at the records waits for what was defined before."""

CLOSING_S: Final = 10.0
"""How long `close` waits for what is still to be written."""

ATTEMPTS: Final = 3
"""How often a definition is written anew after others were quicker."""

R = TypeVar("R", bound=Runnable)


@dataclass(frozen=True, slots=True)
class RunName:
    """What a run is called. `is_forced`: a run of this name that was asked for otherwise gives the name up."""

    text: str
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a runnable is kept as, by names: a version of a program, or a module. As actions take it."""

    program: str | None = None
    version: int | None = None
    module: str | None = None


class Registrar:
    """Writes definitions on a thread of its own, and jobs around the job. Does nothing where nothing is kept.

    A definition that cannot be kept is logged, and can be called nevertheless.
    """

    def __init__(self, records: Records, runtime: AppRuntime, defaults: SandboxDefaults) -> None:
        self._records = records
        self._runtime = runtime
        self._defaults = defaults
        self._waiting: queue.SimpleQueue[Runnable | threading.Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Registrar waiting={self._waiting.qsize()}>"

    # --- definitions ---

    def note(self, runnable: Runnable) -> None:
        """Have a definition written soon: a program, or a module that was given a name."""
        if not self._records.are_kept or not runnable.name:
            return
        with self._lock:
            if self._is_closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="dspash-registrar", daemon=True)
                self._thread.start()
            self._waiting.put(runnable)

    def settle(self, timeout_s: float = SETTLING_S) -> bool:
        """Wait until all that was noted is written; whether that was in time."""
        with self._lock:
            if self._thread is None or self._is_closed or threading.current_thread() is self._thread:
                return True
            written = threading.Event()
            self._waiting.put(written)
        return written.wait(timeout_s)

    def close(self) -> None:
        """Write what was noted, within a bound, and end the thread. Idempotent."""
        with self._lock:
            thread = None if self._is_closed else self._thread
            self._is_closed = True
        if thread is not None:
            self._waiting.put(None)
            thread.join(CLOSING_S)
            if thread.is_alive():
                logger.warning("closing does not wait for {} definitions any longer", self._waiting.qsize())

    def _write(self) -> None:
        while (noted := self._waiting.get()) is not None:
            if isinstance(noted, threading.Event):
                noted.set()
                continue
            try:
                self._keep(noted)
            except DspashError as error:
                logger.warning("{} {!r} is not kept: {}", type(noted).__name__, noted.name, error)
            except Exception as error:  # noqa: BLE001 - a defect with one definition leaves the others theirs
                logger.opt(exception=error).error("{!r} could not be kept", noted.name)

    def _keep(self, runnable: Runnable) -> _Kept:
        """Have it in the records as it is. Raises InvalidInputError for what cannot be kept, and what actions raise."""
        try:
            content = content_of_runnable(runnable)
            kept = content.to_map()
        except ContentError as error:
            raise _unkept(error) from None
        for _ in range(ATTEMPTS - 1):
            with suppress(ConflictError):  # another process defines it at this moment: then it is there
                return self._define(runnable, content, kept)
        return self._define(runnable, content, kept)

    def _define(self, runnable: Runnable, content: Content, kept: dict[str, Any]) -> _Kept:
        from dspash.resources import module, program, versioning

        scene = self._records.scene()
        if isinstance(runnable, Program):
            record = scene.of(program.Program).define(
                name=runnable.name, content=kept, sandbox=self._sandbox_of(runnable)
            )
            number = versioning.number_of(scene, record, content.content_hash)
            return _Kept(program=record.name, version=number)
        name = module_name_of(cast("Module", runnable), cast("Any", content))
        scene.of(module.Module).define(name=name, definition=kept)
        return _Kept(module=name)

    def _sandbox_of(self, program: Runnable) -> dict[str, Any]:
        inherited = next((part.sandbox for part in program.parts if part.sandbox is not None), None)
        usual = choose_sandbox(self._defaults, is_text="class" not in program.create, inherited=inherited)
        return sandbox_of(program.sandbox, usual)

    # --- jobs ---

    def evaluate(
        self,
        group: CallGroup,
        runnable: Runnable,
        devset: ExampleSource,
        metric: Metric,
        *,
        terms: JobTerms,
        work: Callable[[Sequence[dict[str, Any]], JobTerms, OnResults | None], Evaluation],
    ) -> Evaluation:
        """Do `work`, an evaluation whose calls are in `group`, and keep how it went, each result as it comes.

        `work` is given the examples, which are those of the record where a data set has them.
        """
        if not self._records.are_kept:
            return work(_given("devset", devset), terms, None)
        from dspash.resources import conductor, evaluation

        scene = self._records.scene()
        evaluations = scene.of(evaluation.Evaluation)
        planned = evaluations.create(
            **asdict(self._keep(runnable)),
            devset=_source("devset", devset),
            metric=_told(metric),
            example_timeout_s=terms.example_timeout_s,
        )

        def on_results(results: Sequence[ExampleResult]) -> None:
            evaluation.keep_outcomes(scene, planned.id, [judged_of(result) for result in results])

        def conducted(tell: OnProgress) -> Evaluation:
            told = replace(terms, on_progress=_both(tell, terms.on_progress))
            with self._runtime.job(str(planned.id), group):
                return work(_rows(devset, planned.devset), told, on_results)

        done = conductor.conduct(scene, evaluation.Evaluation, planned.id, conducted)
        self._complete(
            evaluations, planned.id, lambda: evaluation.keep_judgement(scene, planned.id, judgement_of(done))
        )
        return replace(done, id=planned.id)

    def optimize(
        self,
        group: CallGroup,
        runnable: R,
        settings: Mapping[str, Any],
        metric: Metric,
        *,
        on_progress: OnProgress | None,
        work: Callable[[R, Mapping[str, Any], OnProgress | None], tuple[R, Mapping[str, Any]]],
        recall: Callable[[Improvement], R],
        teacher: Runnable | None = None,
        name: RunName | None = None,
    ) -> R:
        """Do `work`, which gives the improved one and the worker's answer, and keep what came of it.

        `work` is given what the run began with, and the settings, with the examples in place of a data set's name. What a
        run of that `name` has begun is continued; what it has made, where it is done, is for `recall` to define. Raises
        ConflictError, see named_run.
        """
        valset = settings.get("valset")
        if not self._records.are_kept:
            if name is not None:
                problem = "this app keeps nothing, so no run can be continued"
                raise ConfigurationError("run", problem, "open the app with a database")
            for part in settings.keys() & {"trainset", "valset"}:
                _given(part, settings[part])
            return work(runnable, settings, on_progress)[0]
        from dspash.resources import conductor, fingerprint, named_run, optimization_run, subject

        scene = self._records.scene()
        runs = scene.of(optimization_run.OptimizationRun)
        kept = self._keep(runnable)
        arguments = {
            **asdict(kept),
            "optimizer": settings["optimizer"],
            "trainset": _source("trainset", settings["trainset"]),
            "valset": None if valset is None else _source("valset", valset),
            "metric": _told(metric),
            "config": _plain("config", settings["config"]),
            "seed": settings["seed"],
        }
        taught_by = None if teacher is None else content_of_runnable(teacher).content_hash
        planned = (
            runs.create(**arguments)
            if name is None
            else named_run.named_run(scene, name.text, arguments, teacher=taught_by, force=name.is_forced)
        )
        begun = runnable
        if planned.program_version != kept.version:  # it is what the run itself has made since
            definition = subject.definition_of_subject(scene, optimization_run.subject_of(planned))
            begun = cast("R", self._runtime.built(definition, like=runnable))
        if planned.status == "completed":
            return recall(optimization_run.improvement_of(planned))
        targets = self._runtime.targets(fingerprint.models_in(planned.config))
        named_run.confirm(scene, planned, {"teacher": taught_by, **fingerprint.carried_by(targets)})

        def conducted(tell: OnProgress) -> tuple[R, Mapping[str, Any]]:
            told = dict(settings, trainset=_rows(settings["trainset"], planned.trainset))
            if valset is not None:
                told["valset"] = _rows(valset, planned.valset)
            with self._runtime.job(str(planned.id), group):
                return work(begun, told, _both(tell, on_progress))

        improved, answer = conductor.conduct(scene, optimization_run.OptimizationRun, planned.id, conducted)
        made = Improvement(
            state=improved.state or {},
            score=improved.score,
            candidates=improved.candidates,
            traces=answer.get("traces") or (),
            usage={} if improved.usage is None else asdict(improved.usage),
        )
        self._complete(
            runs, planned.id, lambda: runs.complete(planned.id, **optimization_run.outcome_of(made))
        )
        return improved

    def _complete(self, runs: Any, run_id: UUID, complete: Callable[[], object]) -> None:
        """Note the end of a job that is done: its result is the caller's, whether it can be kept or not."""
        try:
            complete()
        except (DspashError, ContentError) as error:
            logger.warning("what run {} has made is not kept: {}", run_id, error)
            try:
                runs.fail(run_id, error=f"its result could not be kept: {error}"[:10_000])
            except DspashError as second:
                logger.warning("run {} is done, which could not be noted: {}", run_id, second)


def _source(name: str, examples: ExampleSource) -> Any:
    """Examples as the record of a job takes them: those of a data set by its name."""
    return examples if isinstance(examples, str) else _plain(name, examples)


def _rows(examples: ExampleSource, kept: Any) -> list[dict[str, Any]]:
    """Examples as they were given, or those of the data set as the record has them, so that it tells what was run."""
    return wire_of(kept) if isinstance(examples, str) else examples


def _given(name: str, examples: ExampleSource) -> list[dict[str, Any]]:
    """Examples that were given as they are. Raises ConfigurationError for a data set's name."""
    if isinstance(examples, str):
        problem = f"{examples!r:.60} names a data set, and this app keeps none"
        raise ConfigurationError(name, problem, "give the examples, or open the app with a database")
    return examples


def _both(tell: OnProgress, on_progress: OnProgress | None) -> OnProgress:
    def told(progress: Mapping[str, Any]) -> None:
        tell(progress)
        if on_progress is not None:
            on_progress(progress)

    return told


def _told(metric: Metric) -> Any:
    """A metric as it is kept: a function of this process by its name alone."""
    if isinstance(metric, str):
        return metric
    if isinstance(metric, Mapping):
        return _plain("metric", metric)
    return {"host": getattr(metric, "__name__", "metric")}


def _plain(name: str, value: Any) -> Any:
    try:
        return json_of(value, f"$.{name}")
    except ContentError as error:
        raise _unkept(error) from None


def _unkept(error: ContentError) -> InvalidInputError:
    return InvalidInputError.of([Problem(error.path, error.problem, error.way_out)])
