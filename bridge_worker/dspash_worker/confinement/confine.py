"""Confine: the layers a forked worker puts around itself, in the order in which they do not hinder one another."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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

    It executes no program from then on; it still forks, unshares and mounts.
    """
    _do("no_new_privileges", capabilities.forbid_new_privileges)
    _do("seccomp", lambda: seccomp.install(seccomp.outer_program()))


def enter_namespaces(plan: ConfinementPlan) -> None:
    """Put this process into new namespaces, if the plan has that layer; its next child is to be the worker.

    For the process between zygote and worker, which has one thread. Raises ConfinementError.
    """
    if Layer.NAMESPACES in plan.layers:
        _do(Layer.NAMESPACES, namespaces.enter_new)


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
    are confined alike. `rules` are for this plan; without, they are opened here. `on_step` is called with the name of each step done. Once it returns, /proc is empty, other programs cannot be started, and
    all that can be written is `plan.scratch`, which is the working folder.

    Raises ConfinementError, naming the step: the process is then half confined, and only to be ended.
    """
    abi, ruleset = 0, None

    def make_ruleset() -> None:
        nonlocal abi, ruleset
        if (given := rules or open_rules(plan)) is not None:  # the next step closes what is open
            abi, ruleset = given.abi, landlock.make_ruleset(given)

    steps: tuple[tuple[str, bool, Callable[[], None]], ...] = (
        ("plan", True, lambda: _check(plan)),
        ("rules", Layer.LANDLOCK in plan.layers, make_ruleset),
        ("descriptors", True, lambda: descriptors.keep_only(channel=channel, stderr=stderr, ruleset=ruleset)),
        ("signals", True, signals.reset),
        (Layer.MOUNTS, Layer.MOUNTS in plan.layers, lambda: _settle_mounts(plan)),
        ("surroundings", True, lambda: surroundings.settle(plan.scratch, os.environ)),
        (Layer.RLIMITS, Layer.RLIMITS in plan.layers, lambda: _limit(plan)),
        ("no_new_privileges", True, capabilities.forbid_new_privileges),
        (
            Layer.LANDLOCK,
            Layer.LANDLOCK in plan.layers,
            lambda: landlock.restrict(descriptors.RULESET, abi, scratch=plan.scratch),
        ),
        (Layer.CAPABILITIES, Layer.CAPABILITIES in plan.layers, capabilities.drop_all),
        (Layer.NONDUMPABLE, Layer.NONDUMPABLE in plan.layers, capabilities.make_nondumpable),
        (Layer.SECCOMP, Layer.SECCOMP in plan.layers, lambda: _filter(plan)),
    )
    for name, wanted, act in steps:
        if wanted:
            _do(name, act)
            if on_step is not None:
                on_step(name)
    return Applied(tuple(layer for layer in Layer if layer in plan.layers), abi)


def _do(step: str, act: Callable[[], object]) -> None:
    try:
        act()
    except (OSError, ValueError) as error:
        raise ConfinementError(step, error) from error


def _check(plan: ConfinementPlan) -> None:
    first = os.getpid() == _FIRST_OF_ITS_NAMESPACE
    if Layer.NAMESPACES in plan.layers and not first:
        raise ValueError("the worker must be the first process of its PID namespace")
    if Layer.MOUNTS in plan.layers and Layer.NAMESPACES not in plan.layers:
        raise ValueError("mounts of its own take namespaces of its own")


def _filter(plan: ConfinementPlan) -> None:
    program = seccomp.inner_program(pid=os.getpid(), own_mounts=Layer.MOUNTS in plan.layers)
    seccomp.install(program)


def _settle_mounts(plan: ConfinementPlan) -> None:
    limits = plan.limits
    mounts.settle(plan.scratch, scratch_bytes=limits.scratch_bytes, scratch_inodes=limits.scratch_inodes)


def _limit(plan: ConfinementPlan) -> None:
    rlimits.apply(plan.limits, own_users=Layer.NAMESPACES in plan.layers)
