"""Confine: the layers a forked worker puts around itself, in the order in which they do not hinder one another."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from dspash_protocol.confinement_plan import ConfinementPlan, Layer
from dspash_worker.confinement import (
    capabilities,
    descriptors,
    landlock,
    mounts,
    namespaces,
    rlimits,
    seccomp,
    signals,
    surroundings,
)
from dspash_worker.confinement.errors import ConfinementError
from dspash_worker.confinement.landlock import Rules

__all__ = ["Applied", "confine", "enter_namespaces", "install_outer", "open_rules", "prepare"]

_FIRST_OF_ITS_NAMESPACE: Final = 1


@dataclass(frozen=True, slots=True)
class Applied:
    """What a worker is confined by: its layers in their order, and Landlock's ABI, 0 without that layer."""

    layers: tuple[Layer, ...]
    landlock_abi: int


def prepare() -> None:
    """Make in the zygote what each of its forks would make for itself: the filter of a worker that is PID 1.

    Raises ConfinementError where workers cannot be confined.
    """
    _do("prepare", lambda: seccomp.inner_program(pid=_FIRST_OF_ITS_NAMESPACE, own_mounts=True))


def open_rules(plan: ConfinementPlan) -> Rules | None:
    """Open in the zygote the paths that a worker would open for Landlock, or None where the plan lacks that layer.

    They serve all plans that name the same layers, readable paths and devices. Close them in the end. Raises
    ConfinementError.
    """
    if Layer.LANDLOCK not in plan.layers:
        return None
    try:
        return landlock.open_rules(
            readable=plan.readable, devices=plan.devices, read_only_mounts=Layer.MOUNTS in plan.layers
        )
    except OSError as error:
        raise ConfinementError(Layer.LANDLOCK, error) from error


def install_outer() -> None:
    """Put this process, a zygote of sandboxed workers, under the filter that they inherit. Raises ConfinementError.

    It executes no program from then on; it still forks, changes namespaces and mounts.
    """
    _do("no_new_privileges", capabilities.forbid_new_privileges)
    _do("seccomp", lambda: seccomp.install(seccomp.outer_program()))


def enter_namespaces(plan: ConfinementPlan, *, network: bool = True) -> None:
    """Put this process into new namespaces, if the plan has that layer. It must have one thread. Without `network`, it
    was put into an empty network namespace that is its own.

    For the worker, where the zygote could fork it as the first process of a PID namespace. Else for a process between
    zygote and worker, whose next child is to be the worker. Raises ConfinementError.
    """
    if Layer.NAMESPACES in plan.layers:
        _do(Layer.NAMESPACES, functools.partial(namespaces.enter_new, network=network))


@dataclass(slots=True)
class _Run:
    """A worker's way through the steps."""

    plan: ConfinementPlan
    channel: int
    stderr: int
    rules: Rules | None
    ruleset: int | None = None
    landlock_abi: int = 0


class _Step(NamedTuple):
    """One thing to do; with a layer's name only if that is in the plan."""

    name: str
    layer: Layer | None
    act: Callable[[_Run], None]


def confine(
    plan: ConfinementPlan,
    *,
    channel: int,
    stderr: int,
    rules: Rules | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Applied:
    """Put the plan's layers around this process, for good, before it reads its first untrusted byte.

    `channel` and `stderr` are the descriptors it keeps: as 3, and as 1 and 2. All its threads, which should be one,
    are confined alike. `rules` are for this plan; without, they are opened here. `on_step` is called with the name of
    each step done. Once it returns, other programs cannot be started, and all that can be written is `plan.scratch`,
    which is the working folder; with mounts of its own, /proc is empty.

    Raises ConfinementError, naming the step: the process is then half confined, and only to be ended.
    """
    run = _Run(plan, channel, stderr, rules)
    for step in _STEPS:
        if step.layer is None or step.layer in plan.layers:
            try:
                step.act(run)
            except (OSError, ValueError) as error:
                raise ConfinementError(step.name, error) from error
            if on_step is not None:
                on_step(step.name)
    return Applied(tuple(layer for layer in Layer if layer in plan.layers), run.landlock_abi)


def _do(step: str, act: Callable[[], object]) -> None:
    try:
        act()
    except OSError as error:
        raise ConfinementError(step, error) from error


def _check(run: _Run) -> None:
    first = os.getpid() == _FIRST_OF_ITS_NAMESPACE
    if Layer.NAMESPACES in run.plan.layers and not first:
        raise ValueError("the worker must be the first process of its PID namespace")
    if Layer.MOUNTS in run.plan.layers and Layer.NAMESPACES not in run.plan.layers:
        raise ValueError("mounts of its own take namespaces of its own")


def _make_ruleset(run: _Run) -> None:
    rules = run.rules or open_rules(run.plan)  # the next step closes what is open
    if rules is not None:
        run.landlock_abi, run.ruleset = rules.abi, landlock.make_ruleset(rules)


def _keep_descriptors(run: _Run) -> None:
    descriptors.keep_only(channel=run.channel, stderr=run.stderr, ruleset=run.ruleset)


def _reset_signals(_run: _Run) -> None:
    signals.reset()


def _settle_mounts(run: _Run) -> None:
    limits = run.plan.limits
    mounts.settle(run.plan.scratch, scratch_bytes=limits.scratch_bytes, scratch_inodes=limits.scratch_inodes)


def _settle_surroundings(run: _Run) -> None:
    surroundings.settle(run.plan.scratch, os.environ)


def _limit(run: _Run) -> None:
    rlimits.apply(run.plan.limits, own_users=Layer.NAMESPACES in run.plan.layers)


def _forbid_new_privileges(_run: _Run) -> None:
    capabilities.forbid_new_privileges()


def _restrict_files(run: _Run) -> None:
    landlock.restrict(descriptors.RULESET, run.landlock_abi, scratch=run.plan.scratch)


def _drop_capabilities(_run: _Run) -> None:
    capabilities.drop_all()


def _make_nondumpable(_run: _Run) -> None:
    capabilities.make_nondumpable()


def _filter(run: _Run) -> None:
    program = seccomp.inner_program(pid=os.getpid(), own_mounts=Layer.MOUNTS in run.plan.layers)
    seccomp.install(program)


_STEPS: Final = (
    _Step("plan", None, _check),
    _Step("rules", Layer.LANDLOCK, _make_ruleset),  # while the zygote's descriptors are open
    _Step("descriptors", None, _keep_descriptors),
    _Step("signals", None, _reset_signals),
    _Step(Layer.MOUNTS, Layer.MOUNTS, _settle_mounts),
    _Step("surroundings", None, _settle_surroundings),  # in the scratch that was mounted
    _Step(Layer.RLIMITS, Layer.RLIMITS, _limit),
    _Step("no_new_privileges", None, _forbid_new_privileges),  # the condition of Landlock and seccomp
    _Step(Layer.LANDLOCK, Layer.LANDLOCK, _restrict_files),  # forbids mounting
    _Step(Layer.CAPABILITIES, Layer.CAPABILITIES, _drop_capabilities),
    _Step(Layer.NONDUMPABLE, Layer.NONDUMPABLE, _make_nondumpable),
    _Step(Layer.SECCOMP, Layer.SECCOMP, _filter),  # forbids all of the above
)
