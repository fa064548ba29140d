"""SandboxChoice: what was asked for about the sandbox of one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, cast

from dspash.errors import ConfigurationError, DspashError
from dspash.sandbox import Limits, Tier

__all__ = [
    "LMs",
    "Mounts",
    "SandboxChoice",
    "SandboxDefaults",
    "SandboxWords",
    "choose_sandbox",
    "read_limits",
    "read_models",
    "read_tier",
]

Mounts: TypeAlias = Mapping[str, str | Path]
"""Files and folders of the host by the names under which a program finds them in `/mnt`, to read."""

LMs: TypeAlias = Mapping[str, str] | Sequence[str]
"""Names of models, or a map of the names that a program uses to those they stand for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxChoice:
    """The tier, and what differs from the app's own; None and nothing where that holds.

    `models` maps what a program may call a model to what that is. `persistent` has its calls share one worker, one after
    the other, instead of each having its own.
    """

    tier: Tier
    limits: Limits
    mounts: Mounts
    python: str | None
    models: Mapping[str, str]
    persistent: bool


class SandboxWords(TypedDict, total=False):
    """What may be said about the sandbox of a program.

    sandbox: the tier, `strict`, `shared-namespaces`, `landlock` or `process`.
    limits: what one call may use.
    mounts: files and folders of the host, by the names under which the program finds them in /mnt, to read.
    python: the interpreter, with dspash installed, whose packages the program has.
    lms: the models it may use, by name, or by names of its own: the program finds each as `lms[name]`.
    persistent: its calls share one worker, one after the other, and what each leaves there; without, each has its own.
    """

    sandbox: str | Tier | None
    limits: Limits | None
    mounts: Mounts | None
    python: str | None
    lms: LMs | None
    persistent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxDefaults:
    """What an app has for programs that do not say: the tier for those given as text, limits, and its model.

    `capabilities` tells what a model understands; it raises a DspashError for one that nobody serves.
    """

    tier: Tier
    limits: Limits
    lm: str
    capabilities: Callable[[str], Mapping[str, Any]]

    def describe(self, models: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """What a worker is told of `models`: each under the name that programs use. Raises ConfigurationError."""
        described: dict[str, dict[str, Any]] = {}
        for alias, model in models.items():
            try:
                described[alias] = {"model": alias, "capabilities": self.capabilities(model)}
            except DspashError as error:
                raise ConfigurationError("lms", str(error), "name a model that the app serves") from None
        return described


def choose_sandbox(
    defaults: SandboxDefaults,
    *,
    is_text: bool,
    inherited: SandboxChoice | None = None,
    sandbox: str | Tier | None = None,
    limits: Limits | None = None,
    mounts: Mounts | None = None,
    python: str | None = None,
    lms: LMs | None = None,
    persistent: bool = False,
) -> SandboxChoice | None:
    """How calls of a program are to be sandboxed; None: they run in the app's own workers.

    What it is made of may be sandboxed: so is the whole then, in the same way unless it says otherwise. Raises
    ConfigurationError for what does not fit.
    """
    if sandbox is not None:
        tier = read_tier("sandbox", sandbox)
    elif inherited is not None:
        tier = inherited.tier
    else:
        tier = defaults.tier if is_text else Tier.PROCESS
    if inherited is not None and inherited.tier.is_sandbox and not tier.is_sandbox:
        raise ConfigurationError(
            "sandbox", f"a part of it runs in {inherited.tier}, and the whole would not", "leave sandbox out"
        )
    says_more = not (limits is None and mounts is None and python is None and lms is None) or persistent
    if tier is Tier.PROCESS and inherited is None and not says_more:
        return None
    base = inherited or SandboxChoice(
        tier=tier,
        limits=defaults.limits,
        mounts={},
        python=None,
        models={defaults.lm: defaults.lm},
        persistent=False,
    )
    return SandboxChoice(
        tier=tier,
        limits=base.limits if limits is None else read_limits("limits", limits),
        mounts=base.mounts if mounts is None else mounts,
        python=python or base.python,
        models=base.models if lms is None else read_models("lms", lms, defaults.lm),
        persistent=persistent,
    )


def read_tier(path: str, tier: str | Tier) -> Tier:
    """The tier of that name. Raises ConfigurationError."""
    try:
        return Tier(tier)
    except ValueError:
        known = ", ".join(Tier)
        raise ConfigurationError(path, f"{tier!r:.60} is no tier", f"give one of {known}") from None


def read_limits(path: str, limits: object) -> Limits:
    """The limits, or the default ones. Raises ConfigurationError for what is something else."""
    if limits is None:
        return Limits()
    if not isinstance(limits, Limits):
        raise ConfigurationError(path, f"{type(limits).__name__} is no Limits", "give dspash.Limits(…)")
    return limits


def read_models(path: str, lms: object, default: str) -> Mapping[str, str]:
    """What each name stands for, the app's own model included. Raises ConfigurationError."""
    way_out = "give a list of models' names, or a map of names to models"
    if isinstance(lms, str | bytes) or not isinstance(lms, Mapping | Sequence):
        raise ConfigurationError(path, f"{type(lms).__name__} does not name models", way_out)
    if isinstance(lms, Mapping):
        named = dict(cast("Mapping[object, object]", lms))
    else:
        named = {model: model for model in cast("Sequence[object]", lms)}
    for alias, model in named.items():
        if not (isinstance(alias, str) and alias and isinstance(model, str) and model):
            raise ConfigurationError(path, f"{alias!r:.60}: {model!r:.60} does not name a model", way_out)
    return cast("dict[str, str]", {default: default, **named})
