"""App: what a host opens. It wires the parts, owns their lifetimes, and gives everything a user calls."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import replace
from typing import Any, Final, Self, TypeAlias, TypeVar

from dspash.app.evaluation import Evaluation, ExampleResult, read_results, split_evenly
from dspash.app.metrics import HostMetrics, Metric
from dspash.app.models import Models
from dspash.app.prediction import Prediction
from dspash.app.runnable import Module, Program, Runnable, Token
from dspash.app.stream import Stream
from dspash.app.tools import Tool, Toolbox, tool_of
from dspash.bridge import Bridge, BridgeOptions, BridgeStatus, Call, CallOptions
from dspash.errors import ConfigurationError, OverloadedError
from dspash.gateway import Gateway
from dspash.gateway.offline import OfflineModel
from dspash_protocol import Command, Event, EventKind, ReverseCommand

__all__ = ["App"]

CALL_TIMEOUT_S: Final = 120.0
JOB_TIMEOUT_S: Final = 24 * 3600.0  # an optimisation or evaluation as a whole
OFFLINE: Final = "offline"

_FORM_KEYS: Final = {"source": "source", "forward_fn": "forward_fn", "cls": "class"}

R = TypeVar("R", bound=Runnable)
OnProgress: TypeAlias = Callable[[Mapping[str, Any]], None]
Tools: TypeAlias = Mapping[str, Callable[..., Any]] | Sequence[Callable[..., Any]]


class App:
    """Runs DSPy modules and programs in supervised workers; made by `dspash.open` or `dspash.aopen`.

    Every method may be called from any thread; those named `a…` are awaited, on any event loop. Leaving the `with`
    block, or `close`, stops the workers and leaves nothing behind.
    """

    def __init__(
        self, options: BridgeOptions, *, lm: str = OFFLINE, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        if timeout_s <= 0:
            raise ConfigurationError(
                "timeout_s", f"{timeout_s} leaves no time for a call", "give seconds above 0"
            )
        self._options = options
        self._timeout_s = timeout_s
        self._numbers = itertools.count(1)
        self._toolbox = Toolbox()
        self._metrics = HostMetrics()
        self.gateway = Gateway({OFFLINE: OfflineModel()}, default=OFFLINE)
        capabilities = self.gateway.capabilities(lm).to_map()
        models = Models(self.gateway)
        self._bridge = Bridge(
            options,
            {
                ReverseCommand.LM_COMPLETE: models.complete,
                ReverseCommand.LM_STREAM: models.stream,
                ReverseCommand.TOOL_CALL: self._toolbox.serve,
                ReverseCommand.METRIC_CALL: self._metrics.serve,
            },
        )
        self._bridge.definitions.append(
            Command.CONFIGURE, {"lm": {"model": lm, "capabilities": capabilities}}
        )

    def __repr__(self) -> str:
        return f"<App {self._bridge!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Fail what is still open with ClosedError and stop everything, within some seconds. Idempotent."""
        self._bridge.close()

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
        return self._submit(command, args or {}, timeout_s=timeout_s).future.result()

    async def acall(
        self, command: str, args: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """The same, awaited. Cancelling the task cancels the call."""
        return await self._awaited(command, args or {}, timeout_s=timeout_s)

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
        return self._submit(command, args or {}, timeout_s=timeout_s, sticky=sticky).future

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
            *self._planned_module(
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
            *self._planned_module(
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
        modules: Mapping[str, Module] | None = None,
        tools: Tools = (),
        init: Mapping[str, Any] | None = None,
    ) -> Program:
        """Create a program in every worker, in one of three forms.

        `source` is the text of a `dspy.Module` class; `forward_fn` a snippet that sees `self`, the inputs and the
        tools, and sets `result`; `cls` an importable `"package.module:Class"`. `modules` become attributes of `self`.
        Tools are plain functions of this process, globals inside the program. `init` goes to the class.
        """
        return self._define(
            *self._planned_program(
                name, modules or {}, tools, init or {}, source=source, forward_fn=forward_fn, cls=cls
            )
        )

    async def aprogram(
        self,
        name: str,
        *,
        source: str | None = None,
        forward_fn: str | None = None,
        cls: str | None = None,
        modules: Mapping[str, Module] | None = None,
        tools: Tools = (),
        init: Mapping[str, Any] | None = None,
    ) -> Program:
        """The same, awaited."""
        return await self._adefine(
            *self._planned_program(
                name, modules or {}, tools, init or {}, source=source, forward_fn=forward_fn, cls=cls
            )
        )

    def delete(self, runnable: Runnable) -> None:
        """Remove a module or program from every worker."""
        self.call(Command.DELETE, {"id": runnable.id})
        self._toolbox.forget(runnable.id)
        self._metrics.drop(runnable.create.get("reward"))

    # --- running ---

    def run(
        self, runnable: Runnable, inputs: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Prediction:
        """Run once and wait. `inputs` has exactly the signature's input fields. Raises a DspashError."""
        command, args = runnable.request(inputs)
        return _prediction(
            self._submit(command, args, timeout_s=timeout_s, owner=runnable.id).future.result()
        )

    async def arun(
        self, runnable: Runnable, inputs: Mapping[str, Any], *, timeout_s: float | None = None
    ) -> Prediction:
        """The same, awaited. Cancelling the task cancels the call."""
        command, args = runnable.request(inputs)
        return _prediction(await self._awaited(command, args, timeout_s=timeout_s, owner=runnable.id))

    def stream(
        self,
        runnable: Runnable,
        inputs: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        wait: bool = True,
    ) -> Stream[Token | Prediction]:
        """Run once; the stream yields a Token for every piece of output, and the Prediction at the end.

        It can be iterated with `for` or `async for`. `wait=False`: raise OverloadedError when the queue is full.
        """
        command, args = runnable.request(inputs)
        stream: Stream[Token | Prediction] = Stream(EventKind.ITEM, _token, _prediction)
        call = self._submit(
            command,
            {**args, "stream": True},
            timeout_s=timeout_s,
            owner=runnable.id,
            on_event=stream.take,
            wait=wait,
        )
        return stream.follow(call)

    # --- judging and improving ---

    def evaluate(
        self,
        runnable: Runnable,
        devset: Sequence[Mapping[str, Any]],
        metric: Metric = "exact_match",
        *,
        timeout_s: float = JOB_TIMEOUT_S,
        on_progress: OnProgress | None = None,
    ) -> Evaluation:
        """Run on every example of `devset`, on all workers at once, and score the predictions.

        An example is a map with the inputs and the expected outputs. One that fails counts 0 and carries its error.
        `on_progress` is called in this thread with `{"done", "total", "score"}`.
        """
        chunks = split_evenly(len(devset), among=self._options.workers * self._options.concurrency)
        results: list[ExampleResult] = []
        with self._metrics.lent(metric) as wire_metric:
            calls: dict[Future[Any], range] = {}
            try:
                for chunk in chunks:
                    args = {**runnable.reference, "devset": _examples(devset, chunk), "metric": wire_metric}
                    call = self._submit(Command.EVALUATE, args, timeout_s=timeout_s, owner=runnable.id)
                    calls[call.future] = chunk
                for future in as_completed(calls):
                    results += read_results(future.result(), calls[future].start)
                    if on_progress is not None:
                        on_progress(_so_far(results, len(devset)))
            finally:
                for future in calls:
                    future.cancel()
        return Evaluation.of(results)

    async def aevaluate(
        self,
        runnable: Runnable,
        devset: Sequence[Mapping[str, Any]],
        metric: Metric = "exact_match",
        *,
        timeout_s: float = JOB_TIMEOUT_S,
        on_progress: OnProgress | None = None,
    ) -> Evaluation:
        """The same, awaited."""
        return await asyncio.to_thread(
            self.evaluate, runnable, devset, metric, timeout_s=timeout_s, on_progress=on_progress
        )

    def optimize(
        self,
        runnable: R,
        trainset: Sequence[Mapping[str, Any]],
        metric: Metric = "exact_match",
        optimizer: str = "bootstrap_fewshot",
        *,
        valset: Sequence[Mapping[str, Any]] | None = None,
        seed: int = 0,
        timeout_s: float = JOB_TIMEOUT_S,
        on_progress: OnProgress | None = None,
        **config: Any,
    ) -> R:
        """Improve a module or program with one of DSPy's optimizers; returns the improved one, under a new id.

        `config` goes to the optimizer (`max_bootstrapped_demos=3`). `on_progress` is called in this thread with what
        the optimizer tells: candidates, scores, examples done. Raises InvalidInputError for a config that does not fit.
        """
        args: dict[str, Any] = {
            **runnable.reference,
            "optimizer": optimizer,
            "trainset": [dict(example) for example in trainset],
            "config": config,
            "seed": seed,
        }
        if valset is not None:
            args["valset"] = [dict(example) for example in valset]
        events: Stream[Any] = Stream(EventKind.PROGRESS, _as_it_is, _as_it_is)
        with self._metrics.lent(metric) as wire_metric:
            call = self._submit(
                Command.OPTIMIZE,
                {**args, "metric": wire_metric},
                timeout_s=timeout_s,
                owner=runnable.id,
                on_event=events.take,
            )
            with events.follow(call):
                for event in events.items():
                    if on_progress is not None:
                        on_progress(event)
        return self._install(runnable, call.future.result())

    async def aoptimize(
        self,
        runnable: R,
        trainset: Sequence[Mapping[str, Any]],
        metric: Metric = "exact_match",
        optimizer: str = "bootstrap_fewshot",
        **settings: Any,
    ) -> R:
        """The same, awaited."""
        return await asyncio.to_thread(self.optimize, runnable, trainset, metric, optimizer, **settings)

    # --- making calls ---

    def _submit(
        self,
        command: str,
        args: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        sticky: str | None = None,
        owner: str | None = None,
        on_event: Callable[[Event], None] | None = None,
        wait: bool = True,
    ) -> Call:
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        options = CallOptions(limit_s, sticky=sticky, owner=owner, on_event=on_event)
        return self._bridge.submit(command, args, options, wait=wait)

    async def _awaited(self, command: str, args: Mapping[str, Any], **options: Any) -> Any:
        try:
            call = self._submit(command, args, **options, wait=False)
        except OverloadedError:
            # Only a full queue is waited for on another thread: the event loop must go on.
            call = await asyncio.to_thread(self._submit, command, args, **options)
        return await asyncio.wrap_future(call.future)

    # --- defining ---

    def _planned_module(
        self,
        type_: str,
        id_: str | None,
        tools: Tools,
        config: Mapping[str, Any],
        *,
        signature: Any,
        module: Runnable | None,
        reward: Metric | None,
        cls: str | None,
    ) -> tuple[Module, Mapping[str, Tool]]:
        inner: Mapping[str, Tool] = self._toolbox.of(module.id) if module is not None else {}
        own = _described(tools)
        parts = {
            "signature": signature,
            "module": None if module is None else module.id,
            "reward": None if reward is None else self._metrics.keep(reward),
            "class": cls,
        }
        create: dict[str, Any] = {
            "id": id_ or f"{type_}-{next(self._numbers)}",
            "type": type_,
            "config": dict(config),
            "tools": [tool.to_map() for tool in own.values()],
            **{name: part for name, part in parts.items() if part is not None},
        }
        return Module(self, create["id"], create), {**inner, **own}

    def _planned_program(
        self,
        name: str,
        modules: Mapping[str, Module],
        tools: Tools,
        init: Mapping[str, Any],
        **forms: str | None,
    ) -> tuple[Program, Mapping[str, Tool]]:
        given = {form: text for form, text in forms.items() if text is not None}
        if len(given) != 1:
            problem = f"{len(given)} of {', '.join(forms)} are given"
            raise ConfigurationError(f"program({name!r})", problem, "give exactly one of them")
        described: dict[str, Tool] = {}
        for module in modules.values():
            described.update(self._toolbox.of(module.id))
        described.update(_described(tools))
        create: dict[str, Any] = {
            "id": name,
            **{_FORM_KEYS[form]: text for form, text in given.items()},
            "modules": [{"id": module.id, "name": attribute} for attribute, module in modules.items()],
            "tools": [tool.to_map() for tool in described.values()],
            "config": dict(init),
        }
        return Program(self, name, create), described

    def _define(self, runnable: R, tools: Mapping[str, Tool]) -> R:
        before = self._toolbox.of(runnable.id)
        self._toolbox.put(runnable.id, tools)
        try:
            self._submit(runnable.create_command, runnable.create, owner=runnable.id).future.result()
        except BaseException:
            self._toolbox.put(runnable.id, before)
            raise
        return runnable

    async def _adefine(self, runnable: R, tools: Mapping[str, Tool]) -> R:
        before = self._toolbox.of(runnable.id)
        self._toolbox.put(runnable.id, tools)
        try:
            await self._awaited(runnable.create_command, runnable.create, owner=runnable.id)
        except BaseException:
            self._toolbox.put(runnable.id, before)
            raise
        return runnable

    def _install(self, runnable: R, answer: Mapping[str, Any]) -> R:
        """Create what the optimizer has made, in every worker: the same definition with the learned state."""
        state = answer["optimized_program"]["state"]
        new_id = f"{runnable.id}@{next(self._numbers)}"
        improved = replace(
            runnable,
            id=new_id,
            create={**runnable.create, "id": new_id},
            state=state,
            score=answer.get("score"),
            candidates=tuple(answer.get("candidates", ())),
        )
        self._define(improved, self._toolbox.of(runnable.id))
        self.call(Command.LOAD_STATE, {"id": new_id, "state": state})
        return improved


def _described(tools: Tools) -> dict[str, Tool]:
    named = tools.items() if isinstance(tools, Mapping) else ((tool.__name__, tool) for tool in tools)
    return {name: tool_of(name, function) for name, function in named}


def _examples(devset: Sequence[Mapping[str, Any]], chunk: range) -> list[dict[str, Any]]:
    return [dict(devset[index]) for index in chunk]


def _so_far(results: Sequence[ExampleResult], total: int) -> dict[str, Any]:
    return {
        "done": len(results),
        "total": total,
        "score": sum(result.score for result in results) / len(results),
    }


def _prediction(answer: Mapping[str, Any]) -> Prediction:
    return Prediction(answer["fields"], answer.get("usage"))


def _token(item: Mapping[str, Any]) -> Token:
    return Token(item.get("field"), str(item.get("text", "")))


def _as_it_is(value: Any) -> Any:
    return value
