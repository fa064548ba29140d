"""App: what a host opens. It owns the lifetimes of its parts, and gives everything a user calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, Self, TypeVar, Unpack

from dspash.app.answers import read_prediction, read_streamed
from dspash.app.assembly import assemble
from dspash.app.call_group import CallGroup
from dspash.app.collections import Collections
from dspash.app.evaluation import Evaluation, OnProgress
from dspash.app.jobs import JOB_TIMEOUT_S, Examples, JobTerms, cancellable, optimizer_settings, read_examples
from dspash.app.kept_jobs import KeptJobs
from dspash.app.lm_choice import LMChoice
from dspash.app.metrics import Metric
from dspash.app.plan import Plan, Tools
from dspash.app.records import Keeping
from dspash.app.registrar import RunName
from dspash.app.runnable import Module, Program, Runnable, StatusMessage, Token
from dspash.app.sandbox_choice import SandboxWords
from dspash.app.stream import Stream
from dspash.bridge import BridgeOptions, BridgeStatus
from dspash.prediction import Prediction
from dspash.resources.runtime import Runtime
from dspash.sandbox import Limits, Tier
from dspash_protocol import Command, EventKind

__all__ = ["CALL_TIMEOUT_S", "App"]

CALL_TIMEOUT_S: Final = 120.0

R = TypeVar("R", bound=Runnable)


class App(Collections):
    """Runs DSPy modules and programs in supervised workers; made by `dspash.open` or `dspash.aopen`.

    Every method may be called from any thread; those named `a…` are awaited, on any event loop. Leaving the `with`
    block, or `close`, stops the workers and leaves nothing behind.

    What it makes and does is kept: `app.programs`, `app.runs` … are collections of records; see Collections.
    `app.metrics` tells how often and how well something ran; see Monitoring. `app.register_metric(name, function)` offers
    a function of this process as a metric by name; see HostMetrics. `app.lm` asks models, and tells what their calls have
    come to; see LanguageModels.
    """

    def __init__(
        self,
        options: BridgeOptions,
        *,
        lm: LMChoice | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
        sandbox: Tier = Tier.STRICT,
        limits: Limits | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        parts = assemble(
            self,
            options,
            lm=lm or LMChoice(),
            timeout_s=timeout_s,
            sandbox=sandbox,
            limits=limits or Limits(),
            keeping=keeping or Keeping(),
        )
        self._parts = parts
        self.gateway = parts.gateway
        self.lm = parts.lm
        self._bridge = parts.bridge
        self._planner = parts.planner
        self._sandboxing = parts.sandboxing
        self._caller = parts.caller
        self._kept_jobs = KeptJobs(self, parts.planner, parts.jobs, parts.registrar)
        self._records = parts.records
        self._registrar = parts.registrar
        self._recorder = parts.recorder
        self._loader = parts.loader
        self._subjects = parts.subjects
        self._payers = parts.payers
        self.metrics = parts.monitoring.metrics
        self.register_metric = parts.metrics.register
        self.runtime: Runtime = parts.runtime

    def __repr__(self) -> str:
        return f"<App {self._bridge!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Fail what is still open with ClosedError and stop everything, within some seconds. Idempotent."""
        self._parts.close()

    async def aclose(self) -> None:
        """The same without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def status(self) -> BridgeStatus:
        """Workers, queue, restarts: how things stand at this moment."""
        return self._bridge.status()

    # --- the lowest door ---

    def call(
        self, command: str, args: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """Send one command of the protocol to a worker and wait for its result. Raises a DspashError."""
        return self._caller.submit(command, args or {}, timeout_s=timeout_s).wait()

    async def acall(
        self, command: str, args: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """The same, awaited. Cancelling the task cancels the call."""
        return await self._caller.awaited(command, args or {}, timeout_s=timeout_s)

    def submit(
        self,
        command: str,
        args: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        sticky: str | None = None,
    ) -> Future[Any]:
        """Send one command and return its future; `cancel()` on it reaches the worker.

        Calls with the same `sticky` key go to the same worker. Waits while the queue is full.
        """
        return self._caller.submit(command, args or {}, timeout_s=timeout_s, sticky=sticky).future

    # --- modules and programs ---

    def module(
        self,
        type: str,
        signature: Any = None,
        *,
        id: str | None = None,
        tools: Tools = (),
        module: Runnable | None = None,
        reward: Metric | None = None,
        cls: str | None = None,
        **config: Any,
    ) -> Module:
        """Create a module of `type` (predict, chain_of_thought, react …) for `signature`, in every worker.

        `signature` is a string (`"question, passages: list[str] -> answer"`) or a map of field lists. `config` goes
        to the DSPy class (`max_iters=3`) or its LM calls (`temperature=0.7`). `best_of_n` and `refine` take another
        `module` and a `reward`, a metric of inputs and prediction; `parallel` takes a `module`; `custom` takes `cls`,
        an importable `"package.module:Class"`. Raises InvalidInputError naming the
        place when something does not fit.
        """
        return self._define(
            self._planner.module(
                type, id, tools, config, signature=signature, module=module, reward=reward, cls=cls
            )
        )

    async def amodule(
        self,
        type: str,
        signature: Any = None,
        *,
        id: str | None = None,
        tools: Tools = (),
        module: Runnable | None = None,
        reward: Metric | None = None,
        cls: str | None = None,
        **config: Any,
    ) -> Module:
        """The same, awaited."""
        return await self._adefine(
            self._planner.module(
                type, id, tools, config, signature=signature, module=module, reward=reward, cls=cls
            )
        )

    def program(
        self,
        name: str,
        *,
        source: str | None = None,
        forward_fn: str | None = None,
        cls: str | None = None,
        class_name: str | None = None,
        modules: Mapping[str, Module] | None = None,
        tools: Tools = (),
        init: Mapping[str, Any] | None = None,
        version: int | None = None,
        **sandbox: Unpack[SandboxWords],
    ) -> Program:
        """Create a program, in one of three forms; or, by its name alone, load one that is kept.

        `source` is the text of a `dspy.Module` class, `class_name` says which if there are several; `forward_fn` a
        snippet that sees `self`, the inputs and the tools, and sets `result`; `cls` an importable
        `"package.module:Class"`. `modules` become attributes of `self`.
        Tools are plain functions of this process, globals inside the program. `init` goes to the class.

        A program given as text is not trusted: each of its calls runs in a sandbox of its own, of the tier that the app
        was opened with, unless `sandbox` names another; an importable one runs in the app's workers. See SandboxWords
        for what else may be said. Raises SandboxUnavailableError where this machine cannot make that sandbox.

        By its name alone it is the version that was promoted, or the newest while none was, or `version`; `tools` are
        the functions that it calls. Raises NotFoundError.
        """
        if source is forward_fn is cls is None and self._records.are_kept:
            return self._loader.program(name, version, tools, sandbox)
        forms = {"source": source, "forward_fn": forward_fn, "cls": cls, "class_name": class_name}
        plan = self._planner.program(name, modules or {}, tools, init or {}, sandbox=sandbox, **forms)
        return self._define(plan)

    async def aprogram(
        self,
        name: str,
        *,
        source: str | None = None,
        forward_fn: str | None = None,
        cls: str | None = None,
        class_name: str | None = None,
        modules: Mapping[str, Module] | None = None,
        tools: Tools = (),
        init: Mapping[str, Any] | None = None,
        version: int | None = None,
        **sandbox: Unpack[SandboxWords],
    ) -> Program:
        """The same, awaited."""
        if source is forward_fn is cls is None and self._records.are_kept:
            return await asyncio.to_thread(self._loader.program, name, version, tools, sandbox)
        forms = {"source": source, "forward_fn": forward_fn, "cls": cls, "class_name": class_name}
        plan = self._planner.program(name, modules or {}, tools, init or {}, sandbox=sandbox, **forms)
        return await self._adefine(plan)

    def delete(self, runnable: Runnable) -> None:
        """Remove a module or program from every worker."""
        if not self._sandboxing.forget(runnable.id):
            self.call(Command.DELETE, {"id": runnable.id})
        self._planner.forget(runnable)

    # --- running ---

    def run(
        self, runnable: Runnable, inputs: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Prediction:
        """Run once and wait. `inputs` has exactly the signature's input fields. Raises a DspashError."""
        command, args = runnable.request(inputs)
        call = self._caller.submit(command, args, timeout_s=timeout_s, **self._behind(runnable))
        return read_prediction(call, call.wait())

    async def arun(
        self, runnable: Runnable, inputs: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Prediction:
        """The same, awaited. Cancelling the task cancels the call."""
        command, args = runnable.request(inputs)
        call = await self._caller.begin(command, args, timeout_s=timeout_s, **self._behind(runnable))
        return read_prediction(call, await asyncio.wrap_future(call.future))

    def stream(
        self,
        runnable: Runnable,
        inputs: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        wait: bool = True,
    ) -> Stream[Token | StatusMessage | Prediction]:
        """Run once; the stream yields a Token for every piece of output and a StatusMessage for what the program says it
        is doing, and the Prediction at the end.

        It can be iterated with `for` or `async for`. `wait=False`: raise OverloadedError when the queue is full.
        """
        command, args = runnable.request(inputs)
        stream: Stream[Token | StatusMessage | Prediction] = Stream(
            EventKind.ITEM, read_streamed, read_prediction
        )
        call = self._caller.submit(
            command,
            {**args, "stream": True},
            timeout_s=timeout_s,
            on_event=stream.take,
            wait=wait,
            **self._behind(runnable),
        )
        return stream.follow(call)

    # --- judging and improving ---

    def evaluate(
        self,
        runnable: Runnable,
        devset: Examples,
        metric: Metric = "exact_match",
        *,
        timeout_s: float = JOB_TIMEOUT_S,
        example_timeout_s: float | None = None,
        limits: Limits | None = None,
        on_progress: OnProgress | None = None,
    ) -> Evaluation:
        """Run on every example of `devset`, on all workers at once, and score the predictions.

        An example is a map with the inputs and the expected outputs; a text names the data set that has them, or one of
        its sets (`"hotpotqa/dev"`). One that fails counts 0 and carries its error; so does one that ends its worker, or
        takes longer than `example_timeout_s`. No example is begun when `timeout_s` is over: CallTimeoutError.
        `limits` are those of a sandboxed call of up to 16 examples, of one with `example_timeout_s`; by default as many
        times what one run may use. `on_progress` is called in this thread with `{"done", "total", "score", "failed"}`.
        """
        terms = JobTerms(timeout_s, limits, on_progress, example_timeout_s)
        return self._kept_jobs.evaluate(CallGroup(), runnable, read_examples("devset", devset), metric, terms)

    async def aevaluate(
        self,
        runnable: Runnable,
        devset: Examples,
        metric: Metric = "exact_match",
        *,
        timeout_s: float = JOB_TIMEOUT_S,
        example_timeout_s: float | None = None,
        limits: Limits | None = None,
        on_progress: OnProgress | None = None,
    ) -> Evaluation:
        """The same, awaited; `on_progress` is called in a thread of its own. Cancelling the task cancels the work."""
        terms = JobTerms(timeout_s, limits, on_progress, example_timeout_s)
        examples = read_examples("devset", devset)
        return await cancellable(
            lambda group: self._kept_jobs.evaluate(group, runnable, examples, metric, terms)
        )

    def optimize(
        self,
        runnable: R,
        trainset: Examples,
        metric: Metric = "exact_match",
        optimizer: str = "bootstrap_fewshot",
        *,
        valset: Examples | None = None,
        teacher: Runnable | None = None,
        seed: int = 0,
        timeout_s: float = JOB_TIMEOUT_S,
        limits: Limits | None = None,
        on_progress: OnProgress | None = None,
        run: str | None = None,
        force: bool = False,
        **config: Any,
    ) -> R:
        """Improve a module or program with one of DSPy's optimizers; returns the improved one, under a new id.

        Examples are those of `evaluate`, or the name of a data set.
        `teacher` makes the demonstrations, where an optimizer takes one: a program of the same predictors, often an
        improved one; it may use the tools of `runnable`. `config` goes to the optimizer (`max_bootstrapped_demos=3`).
        `on_progress` is called in this thread with what the optimizer tells: candidates, scores, examples done. Raises
        InvalidInputError for a config that does not fit.

        A `run` with a name can be continued: the same call again goes on where it was interrupted, with nothing asked of a
        model twice, and returns what it has made once it is done. Raises ConflictError, which says what has changed, where
        the program, the examples, the optimizer, its configuration, the metric, the models or the versions of DSPy and
        dspash are others than before; `force` gives the name to a new run then.
        """
        settings = optimizer_settings(optimizer, trainset, valset, teacher=teacher, seed=seed, config=config)
        terms = JobTerms(timeout_s, limits, on_progress)
        return self._kept_jobs.optimize(
            CallGroup(), runnable, settings, metric, teacher=teacher, terms=terms, name=_run_name(run, force)
        )

    async def aoptimize(
        self,
        runnable: R,
        trainset: Examples,
        metric: Metric = "exact_match",
        optimizer: str = "bootstrap_fewshot",
        *,
        valset: Examples | None = None,
        teacher: Runnable | None = None,
        seed: int = 0,
        timeout_s: float = JOB_TIMEOUT_S,
        limits: Limits | None = None,
        on_progress: OnProgress | None = None,
        run: str | None = None,
        force: bool = False,
        **config: Any,
    ) -> R:
        """The same, awaited; `on_progress` is called in a thread of its own. Cancelling the task cancels the work."""
        settings = optimizer_settings(optimizer, trainset, valset, teacher=teacher, seed=seed, config=config)
        terms, name = JobTerms(timeout_s, limits, on_progress), _run_name(run, force)
        return await cancellable(
            lambda group: self._kept_jobs.optimize(
                group, runnable, settings, metric, teacher=teacher, terms=terms, name=name
            )
        )

    def define(self, plan: Plan[R]) -> R:
        """Have every worker know what is planned, and keep nothing of it."""
        runnable = plan.runnable
        with self._planner.provided(plan):
            order = self._sandboxing.order_to_define(runnable)
            self._caller.submit(
                runnable.create_command, runnable.create, owner=runnable.id, sandbox=order
            ).wait()
            self._sandboxing.keep(runnable)
        return runnable

    def _behind(self, runnable: Runnable) -> dict[str, Any]:
        """What a call of `runnable` is told of it."""
        return {
            "owner": runnable.id,
            "subject": partial(self._subjects.of, runnable),
            "payer": self._payers.of(runnable),
        }

    def _define(self, plan: Plan[R]) -> R:
        runnable = self.define(plan)
        self._registrar.note(runnable)
        return runnable

    async def _adefine(self, plan: Plan[R]) -> R:
        runnable = plan.runnable
        with self._planner.provided(plan):
            order = await asyncio.to_thread(self._sandboxing.order_to_define, runnable)
            await self._caller.awaited(
                runnable.create_command, runnable.create, owner=runnable.id, sandbox=order
            )
            self._sandboxing.keep(runnable)
        self._registrar.note(runnable)
        return runnable


def _run_name(run: str | None, force: bool) -> RunName | None:  # noqa: FBT001
    return None if run is None else RunName(run, force)
