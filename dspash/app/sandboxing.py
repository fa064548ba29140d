"""Sandboxing: which calls run in a sandbox, in which, within what limits, and what they may reach there."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from dspash.app.job_limits import limits_of_job
from dspash.app.runnable import Runnable
from dspash.app.sandbox_choice import SandboxChoice
from dspash.app.tools import Toolbox
from dspash.bridge import Bridge
from dspash.bridge.definitions import Definitions
from dspash.bridge.grants import Grants
from dspash.bridge.greeting import opening_of
from dspash.bridge.sandbox_session import SandboxSession
from dspash.bridge.sandboxed import Sandboxed
from dspash.bridge.worker_kind import WorkerKind
from dspash.sandbox import Limits, ZygoteSpec, plan_for, require
from dspash_protocol import Command
from dspash_protocol.confinement_plan import WorkerOptions

__all__ = ["Sandboxing"]

BIRTH_CPU_S: Final = 1  # more than a worker uses before its call

_NAMES: Final = ("program_id", "module_id", "id", "program")
"""Where a request may name what it is about."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A runnable that is kept, and how its calls are served."""

    runnable: Runnable
    limits: Limits
    order: Sandboxed


class Sandboxing:
    """The sandboxed runnables of one app, by id. Thread-safe."""

    def __init__(
        self,
        bridge: Bridge,
        toolbox: Toolbox,
        *,
        python: str,
        lm: str,
        configure: Mapping[str, Any],
        max_frame: int,
    ) -> None:
        self._bridge = bridge
        self._toolbox = toolbox
        self._python = python
        self._lm = lm
        self._configure = configure
        bridge.configure_sandboxes(configure)
        self._options = WorkerOptions(concurrency=1, max_frame=max_frame)
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Sandboxing programs={len(self._places)}>"

    def order_to_define(self, runnable: Runnable) -> Sandboxed | None:
        """How the request that defines `runnable` is served; None: by the app's own workers.

        Its worker is told of its parts, and of nothing that stood under its id before. Raises ConfigurationError,
        SandboxUnavailableError.
        """
        choice = runnable.sandbox
        if choice is None:
            return None
        require(choice.tier)
        return self._order(runnable, choice, self._log(runnable.parts))

    def keep(self, runnable: Runnable) -> None:
        """It is defined: its calls find it from now on, where it asks for that in a sandbox."""
        choice = runnable.sandbox
        if choice is None:
            self.forget(runnable.id)
            return
        order = self._order(runnable, choice, self._log((runnable,)))
        if choice.persistent:
            order = replace(order, session=SandboxSession())
        with self._lock:
            before = self._places.get(runnable.id)
            self._places[runnable.id] = _Place(runnable, choice.limits, order)
        self._end_session(before)
        self._bridge.expect(order.kind)

    def forget(self, runnable_id: str) -> bool:
        """It is no more; whether it was here."""
        with self._lock:
            place = self._places.pop(runnable_id, None)
        self._end_session(place)
        return place is not None

    def order_for(self, args: Mapping[str, Any]) -> Sandboxed | None:
        """How a request with these arguments is served; None when it is about nothing that is here."""
        if not self._places:
            return None
        for name in _NAMES:
            named = args.get(name)
            if isinstance(named, str):
                place = self._places.get(named)
                return None if place is None else place.order
        return None

    def order_for_job(
        self,
        runnable: Runnable,
        *,
        runs: int,
        metric: Any,
        teacher: Runnable | None = None,
        limits: Limits | None = None,
    ) -> Sandboxed | None:
        """How a job that runs `runnable` `runs` times and scores it by `metric` is served; None: by the app's workers.

        Every limit of one run is multiplied, unless `limits` are given.
        """
        place = self._places.get(runnable.id)
        if place is None:
            return None
        order = place.order
        limits = limits_of_job(place.limits, runs) if limits is None else limits
        grants = order.grants
        if (name := _host_name(metric)) is not None:
            grants = replace(grants, metrics=grants.metrics | {name})
        definitions = order.definitions if teacher is None else self._log((place.runnable, teacher))
        # A job has a worker of its own, also beside a session: nobody is to wait for it.
        return Sandboxed(self._kind(order.kind.spec, limits), limits, definitions, grants)

    # --- parts ---

    def _order(self, runnable: Runnable, choice: SandboxChoice, definitions: Definitions) -> Sandboxed:
        rewards = (_host_name(part.create.get("reward")) for part in _with_parts((runnable,)))
        grants = Grants(
            tools=frozenset(self._toolbox.of(runnable.id)),
            metrics=frozenset(name for name in rewards if name is not None),
            models=choice.models,
            default_model=self._lm,
            interpreters=True,
        )
        kind = self._kind(self._spec_of(choice), choice.limits, persistent=choice.persistent)
        return Sandboxed(kind, choice.limits, definitions, grants)

    def _spec_of(self, choice: SandboxChoice) -> ZygoteSpec:
        return ZygoteSpec.of(python=choice.python or self._python, tier=choice.tier, mounts=choice.mounts)

    @functools.lru_cache(maxsize=256)  # noqa: B019 - as long-lived as the app
    def _kind(self, spec: ZygoteSpec, limits: Limits, *, persistent: bool = False) -> WorkerKind:
        """The kernel's own limit of CPU time counts from a worker's birth, and is but the last resort: the host looks."""
        plan = plan_for(spec, limits, self._options)
        cpu_s = 0 if persistent or not plan.limits.cpu_s else plan.limits.cpu_s + BIRTH_CPU_S
        plan = replace(plan, limits=replace(plan.limits, cpu_s=cpu_s))
        if spec.tier.is_sandbox:
            opening = opening_of(self._configure, max_frame=limits.frame_bytes)
            plan = replace(plan, options=replace(plan.options, opening=opening))
        return WorkerKind(spec, plan, limits.frame_bytes)

    def _log(self, runnables: Iterable[Runnable]) -> Definitions:
        """What a worker must be told to know these runnables."""
        definitions = Definitions()
        definitions.append(Command.CONFIGURE, self._configure)
        for runnable in _with_parts(runnables):
            definitions.append(runnable.create_command, runnable.create)
            if runnable.state is not None:
                definitions.append(Command.LOAD_STATE, {"id": runnable.id, "state": runnable.state})
        return definitions

    def _end_session(self, place: _Place | None) -> None:
        if place is not None and place.order.session is not None:
            self._bridge.end_session(place.order.session)


def _with_parts(runnables: Iterable[Runnable]) -> Iterator[Runnable]:
    """The runnables and all that they are made of, each once, parts first."""
    seen: set[str] = set()

    def visit(runnable: Runnable) -> Iterator[Runnable]:
        if runnable.id not in seen:
            seen.add(runnable.id)
            for part in runnable.parts:
                yield from visit(part)
            yield runnable

    for runnable in runnables:
        yield from visit(runnable)


def _host_name(metric: Any) -> str | None:
    """The name of a host function on the wire; None for a metric that is none."""
    name: Any = metric.get("host") if isinstance(metric, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return name if isinstance(name, str) else None
