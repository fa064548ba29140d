"""Zygote: the command that starts one, and the plan it confines a worker by."""

from __future__ import annotations

import os
from typing import Final

from dspash.sandbox.bubblewrap import ACCOUNT_FILES, DEVICES, SCRATCH
from dspash.sandbox.command import ZygoteCommand, binds_of, command_for
from dspash.sandbox.limits import Limits
from dspash.sandbox.probe import require_spec
from dspash.sandbox.shield import shield_host
from dspash.sandbox.spec import ZygoteSpec
from dspash_protocol.confinement_plan import ConfinementPlan, WorkerOptions

__all__ = ["plan_for", "zygote_command"]

_PROGRAM: Final = ("-m", "dspash_worker.zygote")
_OWN_FOLDER: Final = "."  # where the zygote was started: in the tier landlock, a folder made for it


def zygote_command(spec: ZygoteSpec) -> ZygoteCommand:
    """How to start a zygote of this spec.

    Raises SandboxUnavailableError when this machine lacks what the tier needs, ConfigurationError when the interpreter
    or a mount does not fit, OSError when descriptors run out.
    """
    require_spec(spec)
    if spec.tier.is_sandbox:
        shield_host()
    return command_for(spec, (*_PROGRAM, "--trade", spec.trade))


def plan_for(
    spec: ZygoteSpec, limits: Limits | None = None, options: WorkerOptions | None = None
) -> ConfinementPlan:
    """What a zygote of this spec is to do to a worker; trusted ones have no limits. Raises ConfigurationError."""
    options = options or WorkerOptions()
    if not spec.tier.is_sandbox:
        return ConfinementPlan(
            tier=spec.tier, layers=spec.tier.layers, scratch="", init=True, options=options
        )
    binds = binds_of(spec)
    if spec.tier.is_wrapped:
        readable = (*binds.readable, *(mount.target for mount in spec.mounts), *ACCOUNT_FILES)
    else:
        readable = (*binds.sources, *(os.path.realpath(package) for package in binds.packages))
    return ConfinementPlan(
        tier=spec.tier,
        layers=spec.tier.layers,
        scratch=SCRATCH if spec.tier.is_wrapped else _OWN_FOLDER,
        readable=readable,
        devices=DEVICES,
        limits=(limits or Limits()).resources,
        options=options,
    )
