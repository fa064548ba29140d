"""Opening: the front door, `dspash.open` and `dspash.aopen`."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ParamSpec, TypeAlias, cast

from dspash.app.app import CALL_TIMEOUT_S, App
from dspash.app.lm_choice import OFFLINE, LMChoice, read_budget, read_cache
from dspash.app.records import ACTOR, DEFAULT_DATABASE, TENANT, Keeping
from dspash.app.sandbox_choice import read_limits, read_tier
from dspash.bridge import BridgeOptions
from dspash.errors import ConfigurationError
from dspash.sandbox import Limits, Tier
from dspash.supervision import Backoff, Intensity, LivenessLimits, RecyclingLimits
from dspash.supervision.validation import require_count, require_name, require_period

__all__ = ["aopen", "open"]

_Settings = ParamSpec("_Settings")
_Opened: TypeAlias = AbstractAsyncContextManager[App]


def open(  # noqa: A001 - dspash.open, like gzip.open
    *,
    workers: int = 1,
    lm: str = OFFLINE,
    budget: float | Mapping[str, float] | None = None,
    cache: bool = True,
    cache_ttl_s: float | None = None,
    history: bool = True,
    database: str | os.PathLike[str] | None = DEFAULT_DATABASE,
    tenant: str = TENANT,
    actor: str = ACTOR,
    traces: bool = True,
    timeout_s: float = CALL_TIMEOUT_S,
    sandbox: str | Tier = Tier.STRICT,
    limits: Limits | None = None,
    sandboxes: int = 16,
    spares: int = 8,
    concurrency: int = 8,
    max_queue: int = 1024,
    max_frame: int | None = None,
    python: str | None = None,
    python_path: Sequence[str | os.PathLike[str]] = (),
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    contain: bool = True,
    cancel_grace_s: float = 2.0,
    retire_grace_s: float = 10.0,
    shutdown_s: float = 5.0,
    heartbeat_s: float = 1.0,
    boot_timeout_s: float = 60.0,
    max_restarts: int = 3,
    period_s: float = 5.0,
    max_calls: int | None = None,
    max_age_s: float | None = None,
    max_memory_mb: int | None = None,
) -> App:
    """Start `workers` worker processes and return the App that runs programs in them; use it in a `with` block.

    It returns before the workers are up; calls made until then wait for them.

    lm: the model that programs use: an alias, or `provider/model`. `offline` needs no key, network or weights, and is no
        LLM.
    budget: what the models' calls may come to in this app: US dollars, or a map of `calls`, `tokens` and `usd`.
    cache, cache_ttl_s: whether equal requests get the answer that there is, and for how long one is good; for ever, by
        default.
    history: keep every call of a model in the database, with what was asked and answered.
    database: where programs, runs and evaluations are kept: a path or a URL. By default that of DSPASH_DATABASE_URL, or a
        file in the user's data folder; with None nothing is kept. It is opened when there is something to keep.
    tenant, actor: whose records these are, and who is said to have changed them.
    traces: keep every execution there, too, with what its modules, models and tools were given and have said.
    timeout_s: what a call gets unless it says otherwise.
    sandbox: the tier in which programs given as text run; limits: what one call of theirs may use.
    sandboxes: sandboxed calls that run at a time; spares: workers that are kept ready for more, of one kind.
    concurrency: calls one worker runs at a time; max_queue: calls that may wait for a slot.
    max_frame: the largest message, in bytes (64 MiB).
    python: the workers' interpreter, with dspash installed (this one); python_path: folders they import from besides;
        env: variables they get besides the harmless ones of this process; cwd: where they run.
    contain: hold each worker's descendants in a PID namespace where bubblewrap can make one.
    cancel_grace_s, retire_grace_s: how long a call may go on after its end was asked for, and then the calls beside
        it, before the worker is killed; shutdown_s: how long `close` waits for a worker to end by itself.
    heartbeat_s, boot_timeout_s: how often a worker must give a sign of life, and how soon it must be ready.
    max_restarts, period_s: more crashes than this within the period, none of them while serving a call, and the app
        gives up.
    max_calls, max_age_s, max_memory_mb: when a worker is replaced by a fresh one; never, by default.

    Raises ConfigurationError naming the argument that is wrong.
    """
    for name, given in {"lm": lm, "tenant": tenant, "actor": actor}.items():
        require_name(name, given)
    # Checked by the names they have here: the classes that keep them have other ones.
    for name, period in {
        "timeout_s": timeout_s,
        "heartbeat_s": heartbeat_s,
        "boot_timeout_s": boot_timeout_s,
        "period_s": period_s,
        "max_age_s": max_age_s,
    }.items():
        if period is not None:
            require_period(name, period)
    require_count("max_restarts", max_restarts)
    for name, count in {"max_calls": max_calls, "max_memory_mb": max_memory_mb}.items():
        if count is not None:
            require_count(name, count, least=1)
    recycling = RecyclingLimits(
        max_calls=max_calls,
        max_age_s=max_age_s,
        max_memory_bytes=None if max_memory_mb is None else max_memory_mb * 1024 * 1024,
    )
    settings: dict[str, Any] = {"max_frame": max_frame, "python": python}
    options = BridgeOptions(
        workers=workers,
        concurrency=concurrency,
        max_queue=max_queue,
        sandboxes=sandboxes,
        spares=spares,
        python_path=_folders(python_path),
        environment=_variables(env),
        cwd=None if cwd is None else os.fspath(cwd),
        contain=contain,
        cancel_grace_s=cancel_grace_s,
        retire_grace_s=retire_grace_s,
        shutdown_s=shutdown_s,
        intensity=Intensity(max_restarts=max_restarts, period_s=period_s),
        backoff=Backoff(),
        liveness=LivenessLimits(heartbeat_s=heartbeat_s, boot_timeout_s=boot_timeout_s),
        recycling=recycling,
        **{name: value for name, value in settings.items() if value is not None},
    )
    return App(
        options,
        lm=LMChoice(lm, read_cache(cache, cache_ttl_s), read_budget(budget), history),
        timeout_s=timeout_s,
        sandbox=read_tier("sandbox", sandbox),
        limits=read_limits("limits", limits),
        keeping=Keeping(database, tenant, actor, traces=traces),
    )


def _folders(python_path: object) -> tuple[str, ...]:
    """The folders as text. One string is refused: it is a sequence, too, of letters."""
    if isinstance(python_path, str) or not isinstance(python_path, Sequence):
        problem = f"{type(python_path).__name__} is no list of folders"
        raise ConfigurationError("python_path", problem, "give a list, also for one folder")
    return tuple(os.fspath(folder) for folder in cast("Sequence[str | os.PathLike[str]]", python_path))


def _variables(env: object) -> dict[str, str]:
    if env is not None and not isinstance(env, Mapping):
        raise ConfigurationError("env", f"{type(env).__name__} is no map", "give variables by name")
    return dict(cast("Mapping[str, str]", env or {}))


def _taking_what(
    opener: Callable[_Settings, App], /
) -> Callable[[Callable[..., _Opened]], Callable[_Settings, _Opened]]:
    """Show type checkers, and whoever inspects it, the arguments of `opener` on a function that passes them on."""

    def show(function: Callable[..., _Opened]) -> Callable[_Settings, _Opened]:
        shown = inspect.signature(opener).replace(return_annotation="AbstractAsyncContextManager[App]")
        setattr(function, "__signature__", shown)  # noqa: B010 - no attribute that a type checker knows
        return function

    return show


@_taking_what(open)
@asynccontextmanager
async def aopen(**settings: Any) -> AsyncGenerator[App, None]:
    """The same for `async with`: opening and closing do not block the event loop. Takes what `open` takes."""
    unwanted = threading.Event()
    opened: list[App] = []

    def open_if_wanted() -> App:
        app = open(**settings)
        opened.append(app)
        if unwanted.is_set():
            app.close()
        return app

    try:
        app = await asyncio.to_thread(open_if_wanted)
    except asyncio.CancelledError:
        unwanted.set()  # the thread goes on, and what it opens, or has opened just now, is nobody's
        for app in opened:
            await app.aclose()
        raise
    try:
        yield app
    finally:
        await app.aclose()
