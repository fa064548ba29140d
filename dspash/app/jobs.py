"""Jobs: evaluations and optimisations, each made of one call or many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar, cast

from dspash.app.call_group import CallGroup
from dspash.app.caller import Caller
from dspash.app.evaluation import Evaluation, ExampleResult, OnProgress, OnResults
from dspash.app.examining import examine
from dspash.app.example_queue import CHUNK_MOST, ExampleQueue
from dspash.app.job_limits import RUNS_AN_EXAMPLE
from dspash.app.metrics import HostMetrics, Metric
from dspash.app.payers import Payers
from dspash.app.runnable import Runnable
from dspash.app.sandboxing import Sandboxing
from dspash.app.stream import Stream
from dspash.bridge import Call
from dspash.errors import CallTimeoutError, ConfigurationError, InvalidInputError
from dspash.sandbox import Limits
from dspash.supervision.validation import require_period
from dspash.usage import Usage
from dspash_protocol import Command, EventKind, Progress

__all__ = [
    "JOB_TIMEOUT_S",
    "ExampleSource",
    "Examples",
    "JobTerms",
    "Jobs",
    "cancellable",
    "optimizer_settings",
    "read_examples",
]

JOB_TIMEOUT_S: Final = 24 * 3600.0
"""What an optimisation or evaluation gets as a whole, unless it says otherwise."""

Examples: TypeAlias = Iterable[Mapping[str, Any]] | str
"""Maps of the inputs and the expected outputs; what can be read as a map, such as `dspy.Example`, is one.

A text is the name of a data set that is kept, `hotpotqa`, or of one of its sets, `hotpotqa/dev`.
"""

ExampleSource: TypeAlias = list[dict[str, Any]] | str
"""The same as it was read: the examples, or the name of those that are kept."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JobTerms:
    """How a job is done: its time as a whole, the limits of each of its calls that is sandboxed, who hears of it.

    `example_timeout_s` is what each example of an evaluation gets; None: what is left of the whole.
    """

    timeout_s: float
    limits: Limits | None
    on_progress: OnProgress | None
    example_timeout_s: float | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a time that is none."""
        if self.example_timeout_s is not None:
            require_period("example_timeout_s", self.example_timeout_s)


class Jobs:
    """Makes the calls of a job and gathers their answers. `among` of them run side by side, `sandboxes` in sandboxes."""

    def __init__(
        self,
        caller: Caller,
        metrics: HostMetrics,
        sandboxing: Sandboxing,
        payers: Payers,
        *,
        among: int,
        sandboxes: int,
    ) -> None:
        self._submit = caller.submit
        self._payers = payers
        self._metrics = metrics
        self._sandboxing = sandboxing
        self._among = among
        self._sandboxes = sandboxes

    def evaluate(
        self,
        group: CallGroup,
        runnable: Runnable,
        devset: Sequence[dict[str, Any]],
        metric: Metric,
        terms: JobTerms,
        *,
        known: Sequence[ExampleResult] = (),
        on_results: OnResults | None = None,
    ) -> Evaluation:
        """Score `runnable` on `devset`, but for the examples whose results are `known`.

        What one example does to its worker costs that example alone; see ExampleQueue. When the job fails as a whole, or
        its time is up, the calls that are under way are cancelled.
        """
        own_s, ends_at = terms.example_timeout_s, time.monotonic() + terms.timeout_s
        most = CHUNK_MOST if own_s is None else 1
        payer = self._payers.of(runnable, group.run)
        with self._metrics.lent(metric) as wire_metric:
            order = self._sandboxing.order_for_job(
                runnable, runs=most, metric=wire_metric, limits=terms.limits
            )

            def call_for(chunk: list[dict[str, Any]]) -> Call:
                left_s = ends_at - time.monotonic()
                if left_s <= 0:
                    raise CallTimeoutError(timeout_s=terms.timeout_s, progress=Progress.SIDE_EFFECTS)
                call = self._submit(
                    Command.EVALUATE,
                    {**runnable.reference, "devset": chunk, "metric": wire_metric},
                    timeout_s=left_s if own_s is None else own_s,
                    owner=runnable.id,
                    sandbox=order,
                    payer=payer,
                )
                return group.add(call)

            done = {result.index for result in known}
            queue = ExampleQueue.of(
                [place for place in range(len(devset)) if place not in done],
                among=self._among if order is None else self._sandboxes,
                most=most,
                is_shared=order is None,
            )
            try:
                return examine(
                    devset,
                    call_for,
                    queue,
                    has_own_time=own_s is not None,
                    known=known,
                    on_progress=terms.on_progress,
                    on_results=on_results,
                )
            except BaseException:
                group.cancel("another part of the evaluation has failed")
                raise

    def optimize(
        self,
        group: CallGroup,
        runnable: Runnable,
        settings: Mapping[str, Any],
        metric: Metric,
        *,
        teacher: Runnable | None,
        terms: JobTerms,
    ) -> tuple[Any, Usage]:
        """Have a worker improve `runnable`; `settings` are the request's own. Returns its answer, and what that used."""
        events: Stream[Any] = Stream(EventKind.PROGRESS, _as_it_is, _result_as_it_is)
        with self._metrics.lent(metric) as wire_metric:
            args = {**runnable.reference, **settings, "metric": wire_metric}
            examples = len(settings["trainset"]) + len(settings.get("valset", ()))
            order = self._sandboxing.order_for_job(
                runnable,
                runs=RUNS_AN_EXAMPLE * max(1, examples),
                metric=wire_metric,
                teacher=teacher,
                limits=terms.limits,
            )
            call = group.add(
                self._submit(
                    Command.OPTIMIZE,
                    args,
                    timeout_s=terms.timeout_s,
                    owner=runnable.id,
                    on_event=events.take,
                    sandbox=order,
                    payer=self._payers.of(runnable, group.run),
                )
            )
            with events.follow(call):
                for event in events.items():
                    if terms.on_progress is not None:
                        terms.on_progress(event)
                try:
                    answer: Any = call.wait()
                except InvalidInputError as error:
                    if error.path == "$.as":
                        raise _bound_to_a_worker(str(settings["optimizer"])) from None
                    raise
                return answer, call.usage


async def cancellable(work: Callable[[CallGroup], T]) -> T:
    """Do `work` on a thread; when the task that awaits it is cancelled, so are the calls of its group."""
    group = CallGroup()
    try:
        return await asyncio.to_thread(work, group)
    except asyncio.CancelledError:
        group.cancel("the task that awaited it was cancelled")
        raise


def optimizer_settings(
    optimizer: str,
    trainset: Examples,
    valset: Examples | None,
    *,
    teacher: object,
    seed: int,
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """What the request `optimize` is told beside the program and the metric."""
    settings: dict[str, Any] = {"optimizer": optimizer, "seed": seed, "config": config}
    settings["trainset"] = read_examples("trainset", trainset)
    if valset is not None:
        settings["valset"] = read_examples("valset", valset)
    if teacher is not None:
        if not isinstance(teacher, Runnable):
            problem = f"{type(teacher).__name__} is no module or program"
            raise ConfigurationError(
                "teacher", problem, "give what app.module, app.program or app.optimize returned"
            )
        settings["teacher"] = teacher.id
    return settings


def read_examples(name: str, examples: object) -> ExampleSource:
    """The examples as they travel, or a data set's name. Raises ConfigurationError naming the first that is no map."""
    way_out = "give a list of maps of inputs and expected outputs, or the name of a data set"
    if isinstance(examples, str):
        return examples
    if isinstance(examples, bytes | Mapping) or not isinstance(examples, Iterable):
        kind = type(cast("object", examples)).__name__
        raise ConfigurationError(name, f"{kind} is no list of examples", way_out)
    read: list[dict[str, Any]] = []
    for index, example in enumerate(cast("Iterable[Any]", examples)):
        try:
            read.append(dict(example))
        except (TypeError, ValueError):
            problem = f"{type(example).__name__} is no map"
            raise ConfigurationError(f"{name}[{index}]", problem, way_out) from None
    return read


def _bound_to_a_worker(optimizer: str) -> ConfigurationError:
    return ConfigurationError(
        "optimizer",
        f"what {optimizer} makes is more than instructions and demonstrations, so other workers cannot be given it",
        'keep it in its worker: app.submit("optimize", {…, "as": id}, sticky=key)',
    )


def _as_it_is(value: Any) -> Any:
    return value


def _result_as_it_is(_call: Call, value: Any) -> Any:
    return value
